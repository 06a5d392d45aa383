package node

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Trust has the node's sshd accept certificates of an authority.
type Trust struct {
	// Keys is the file with the authority's public key; Config sshd's settings.
	Keys, Config string
	// Processes is /proc.
	Processes fs.FS
	// Hangup has the process read its settings again.
	Hangup func(pid int) error

	told bool // that sshd which runs
}

// Set is what Daemon.Trusted calls: it writes the key, has sshd's settings name
// it, and tells every sshd that listens. It may be repeated: what is there is
// left alone. The first time sshd is told all the same, as whoever wrote the
// key may have been killed before he could.
func (t *Trust) Set(key string) error {
	changed, err := writeIfDifferent(t.Keys, []byte(key+"\n"), 0o644)
	if err != nil {
		return fmt.Errorf("write the SSH authority's key: %w", err)
	}
	named, err := t.name()
	if err != nil {
		return fmt.Errorf("have sshd trust %s: %w", t.Keys, err)
	}
	if !changed && !named && t.told {
		return nil
	}
	var failed error
	for _, pid := range listeners(t.Processes) {
		if err := t.Hangup(pid); err != nil && !errors.Is(err, os.ErrProcessDone) {
			failed = errors.Join(failed, fmt.Errorf("tell sshd (process %d) of %s: %w", pid, t.Keys, err))
		}
	}
	t.told = failed == nil
	return failed
}

const trustKeyword = "TrustedUserCAKeys"

// name puts the keyword in front of sshd's settings unless it is there: behind
// them it might belong to a Match block.
func (t *Trust) name() (changed bool, err error) {
	text, err := os.ReadFile(t.Config)
	if err != nil {
		return false, err
	}
	switch other := trustedFile(string(text)); other {
	case t.Keys:
		return false, nil
	case "":
	default:
		return false, fmt.Errorf("%s has %s %s already; have --trusted-keys name that file", t.Config, trustKeyword, other)
	}
	info, err := os.Stat(t.Config)
	if err != nil {
		return false, err
	}
	return writeIfDifferent(t.Config, append([]byte(trustKeyword+" "+t.Keys+"\n"), text...), info.Mode().Perm())
}

// trustedFile is what the settings name for all logins, as sshd reads them:
// the first one counts, keywords have no case, Match begins what is not for
// all.
func trustedFile(settings string) string {
	for line := range strings.Lines(settings) {
		words := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\r\n=", r) })
		switch {
		case len(words) > 0 && strings.EqualFold(words[0], "Match"):
			return ""
		case len(words) > 1 && strings.EqualFold(words[0], trustKeyword):
			return strings.Trim(words[1], `"`)
		}
	}
	return ""
}

// writeIfDifferent replaces a file at one stroke, unless it has that content.
func writeIfDifferent(path string, content []byte, mode fs.FileMode) (changed bool, err error) {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, content) {
		return false, nil
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".drover-*")
	if err != nil {
		return false, err
	}
	defer os.Remove(temp.Name()) //nolint:errcheck // is gone when all went well
	_, err = temp.Write(content)
	if err = errors.Join(err, temp.Chmod(mode), temp.Sync(), temp.Close()); err != nil {
		return false, err
	}
	return true, os.Rename(temp.Name(), path)
}

// listeners are the sshd that take connections. Those that serve one are
// called "sshd: USER..." and would end by a hangup.
func listeners(processes fs.FS) []int {
	entries, err := fs.ReadDir(processes, ".")
	if err != nil {
		return nil
	}
	var out []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		name, _ := fs.ReadFile(processes, e.Name()+"/comm") // a process may end meanwhile
		if strings.TrimSpace(string(name)) != "sshd" {
			continue
		}
		line, _ := fs.ReadFile(processes, e.Name()+"/cmdline")
		title := strings.ReplaceAll(string(line), "\x00", " ")
		if title != "" && (!strings.HasPrefix(title, "sshd: ") || strings.Contains(title, "[listener]")) {
			out = append(out, pid)
		}
	}
	return out
}
