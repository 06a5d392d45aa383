package vcs

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// Protocols are those that git may speak, as GIT_ALLOW_PROTOCOL has them: the
// ones that run a command of the URL's choice are not among them.
const Protocols = "http:https:ssh:git:file"

// Files are the repositories on this machine that clone URLs may name by path.
// The zero value is none.
type Files struct {
	// Roots are folders in which they may lie.
	Roots []string `json:"roots,omitempty"`
	// Own has those count as well that belong to Owner, wherever they lie.
	Own   bool `json:"own,omitempty"`
	Owner int  `json:"owner,omitempty"`
}

// Check refuses a clone URL that git must not use.
func (f Files) Check(clone string) error {
	path, local, err := LocalPath(clone)
	if err != nil || !local {
		return err
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		if f.holds(path) { // git will say that it is not there
			return nil
		}
		return f.refuse(path)
	}
	if f.holds(real) {
		return nil
	}
	if f.Own {
		info, err := os.Stat(real)
		if err == nil && int(info.Sys().(*syscall.Stat_t).Uid) == f.Owner {
			return nil
		}
	}
	return f.refuse(path)
}

func (f Files) holds(path string) bool {
	for _, root := range f.Roots {
		if real, err := filepath.EvalSymlinks(root); err == nil {
			root = real
		}
		if rest, err := filepath.Rel(root, path); err == nil && filepath.IsLocal(rest) {
			return true
		}
	}
	return false
}

func (f Files) refuse(path string) error {
	where := "none may be cloned by path"
	if len(f.Roots) > 0 {
		where = "those may be cloned by path that lie in " + strings.Join(f.Roots, ", ")
	}
	if f.Own {
		where += ", and those of the server's user"
	}
	return fmt.Errorf("%s is no repository that may be used: of this machine's %s (git-file-roots)", path, where)
}

var (
	schemed = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9+.-]*)://`)
	helped  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9+.-]*::`)
)

// LocalPath is the path of the repository that a clone URL names on this
// machine; local: it names one there. An error is a URL that nothing may be
// cloned from.
func LocalPath(clone string) (path string, local bool, err error) {
	if scheme := schemed.FindStringSubmatch(clone); scheme != nil {
		if !strings.EqualFold(scheme[1], "file") {
			if !strings.Contains(":"+Protocols+":", ":"+strings.ToLower(scheme[1])+":") {
				return "", false, fmt.Errorf("git must not speak '%s': correct the clone URL, expected one of %s", scheme[1], strings.ReplaceAll(Protocols, ":", ", "))
			}
			return "", false, nil
		}
		path, err := url.PathUnescape(clone[len(scheme[0]):])
		if err != nil {
			return "", false, fmt.Errorf("'%s' is no URL of a file: %w", clone, err)
		}
		return filepath.Clean("/" + path), true, nil
	}
	if helped.MatchString(clone) {
		return "", false, errors.New("git must not run a program for a clone URL: expected https://, http://, ssh://, git:// or a path")
	}
	if colon, slash := strings.IndexByte(clone, ':'), strings.IndexByte(clone, '/'); colon >= 0 && (slash < 0 || colon < slash) {
		return "", false, nil // HOST:PATH, by SSH
	}
	if !filepath.IsAbs(clone) {
		return "", false, fmt.Errorf("'%s' is no URL and no absolute path", clone)
	}
	return filepath.Clean(clone), true, nil
}
