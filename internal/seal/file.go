package seal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/drover-hpc/drover/internal/fault"
)

// Read reads a key file that nobody else may read: fs.ErrNotExist if it is not
// there.
func Read(path string) (*Keys, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.New(fault.Invalid, "key of secrets: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fault.New(fault.Invalid, "key of secrets: %w", err)
	}
	if open := othersMay(info); open != 0 {
		return nil, fault.New(fault.Invalid, "key of secrets: others may use %s, whose mode is %04o: expected 0600 (chmod 0600 %[1]s)", path, info.Mode().Perm())
	}
	if info.Size() > 1<<20 {
		return nil, fault.New(fault.Invalid, "key of secrets: %s has %d bytes: expected a few lines", path, info.Size())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.Invalid, "key of secrets: %w", err)
	}
	k, err := Parse(string(text))
	if err != nil {
		return nil, fault.New(fault.Invalid, "key of secrets: %s: %w", path, err)
	}
	return k, nil
}

// othersMay are the rights of others to a file. Kubernetes and systemd give a
// file of root to a service by its group.
func othersMay(info fs.FileInfo) fs.FileMode {
	if stat, is := ownerOf(info); is && stat.Uid == 0 && os.Geteuid() != 0 {
		return info.Mode().Perm() & 0o027
	}
	return info.Mode().Perm() & 0o077
}

// Create writes the keys to a file that is not there yet: fs.ErrExist if it is.
func (k *Keys) Create(path string) error { return k.write(path, nil, os.Link) }

// Replace writes the keys to a file. Whoever reads it, even after a cut of power,
// finds the old ones or these. A file that root replaces stays its owner's: the
// server is often another user.
func (k *Keys) Replace(path string) error {
	old, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Invalid, "key of secrets: %w", err)
	}
	return k.write(path, old, os.Rename)
}

// write has show put the keys at the path, in a file of the owner of old unless that
// is nil.
func (k *Keys) write(path string, old fs.FileInfo, show func(from, to string) error) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-") // mode 0600
	if err != nil {
		return fault.New(fault.Invalid, "key of secrets: %w", err)
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // it was renamed
	_, err = tmp.WriteString(k.Text())
	if stat, is := ownerOf(old); is && os.Geteuid() == 0 {
		err = errors.Join(err, tmp.Chown(int(stat.Uid), int(stat.Gid)))
	}
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err == nil {
		err = show(tmp.Name(), path)
	}
	if err == nil {
		err = synced(filepath.Dir(path))
	}
	if err != nil {
		return fault.New(fault.Invalid, "key of secrets: %w", err)
	}
	return nil
}

func ownerOf(file fs.FileInfo) (*syscall.Stat_t, bool) {
	if file == nil {
		return nil, false
	}
	stat, is := file.Sys().(*syscall.Stat_t)
	return stat, is
}

func synced(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
