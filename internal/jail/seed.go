package jail

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/drover-hpc/drover/internal/jail/inner"
)

// ownDirs are the folders of a fresh layer.
var ownDirs = []struct {
	name string
	mode fs.FileMode
}{
	{"proc", 0o555}, {"dev", 0o755}, {"sys", 0o555}, {"etc", 0o755}, {"etc/ssh", 0o755}, {"etc/profile.d", 0o755},
	{"root", 0o700}, {"home", 0o755}, {"opt", 0o755}, {"srv", 0o755}, {"mnt", 0o755}, {"media", 0o755},
	{"run", 0o755}, {"run/lock", 0o755}, {"tmp", 0o777 | fs.ModeSticky},
	{"var", 0o755}, {"var/tmp", 0o777 | fs.ModeSticky}, {"var/log", 0o755}, {"var/lib", 0o755}, {"var/cache", 0o755}, {"var/spool", 0o755},
}

// copied are the host's files and folders of links in /etc that programs under
// /usr need; those that the host lacks are left out.
var copied = []string{"ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "os-release", "debian_version", "redhat-release",
	"lsb-release", "localtime", "timezone", "resolv.conf", "services", "protocols", "profile", "bash.bashrc", "shells", "login.defs"}

// Seed makes the folder a fresh layer of a node of that name; one that exists
// already stays as it is.
func Seed(root, hostname string) error {
	if _, err := os.Lstat(root); err == nil {
		return nil
	}
	fresh := root + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("make a layer: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(root), 0o700); err != nil {
		return fmt.Errorf("make a layer: %w", err)
	}
	if err := errors.Join(seedDirs(fresh), seedEtc(filepath.Join(fresh, "etc"), hostname)); err != nil {
		return fmt.Errorf("make a layer: %w", err)
	}
	return os.Rename(fresh, root)
}

func seedDirs(root string) error {
	if err := os.Mkdir(root, 0o755); err != nil {
		return err
	}
	for _, d := range ownDirs {
		path := filepath.Join(root, d.name)
		if err := errors.Join(os.Mkdir(path, d.mode), os.Chmod(path, d.mode)); err != nil {
			return err
		}
	}
	for _, name := range inner.SystemDirs {
		err := seedSystemDir(name, filepath.Join(root, name))
		if err != nil {
			return err
		}
	}
	return errors.Join(os.Symlink("/run", filepath.Join(root, "var/run")), os.Symlink("/run/lock", filepath.Join(root, "var/lock")))
}

// seedSystemDir makes a place to mount on, or the same link that the host has.
func seedSystemDir(name, path string) error {
	info, err := os.Lstat("/" + name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSymlink == 0:
		return os.Mkdir(path, 0o755)
	}
	to, err := os.Readlink("/" + name)
	if err != nil {
		return err
	}
	return os.Symlink(to, path)
}

func seedEtc(etc, hostname string) error {
	for _, name := range copied {
		if err := copyTree(filepath.Join("/etc", name), filepath.Join(etc, name)); err != nil {
			return err
		}
	}
	own := map[string]string{
		"hostname":      hostname + "\n",
		"hosts":         "127.0.0.1 localhost\n127.0.1.1 " + hostname + "\n",
		"passwd":        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
		"group":         "root:x:0:\nadm:x:4:\ntty:x:5:\nnogroup:x:65534:\n",
		"shadow":        "root:*:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n",
		"nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n",
		"environment":   "",
	}
	for name, text := range own {
		mode := fs.FileMode(0o644)
		if name == "shadow" {
			mode = 0o600
		}
		if err := os.WriteFile(filepath.Join(etc, name), []byte(text), mode); err != nil {
			return err
		}
	}
	return nil
}

// copyTree copies a file (through links), or a folder of files and links. What
// is not there is not copied.
func copyTree(from, to string) error {
	info, err := os.Stat(from)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		text, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		return os.WriteFile(to, text, info.Mode().Perm())
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	for _, e := range entries {
		source, target := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		if e.Type()&fs.ModeSymlink != 0 {
			if link, err := os.Readlink(source); err == nil && strings.HasPrefix(link, "/usr/") {
				err = os.Symlink(link, target)
				if err != nil {
					return err
				}
			}
			continue
		}
		if e.Type().IsRegular() {
			if err := copyTree(source, target); err != nil {
				return err
			}
		}
	}
	return nil
}
