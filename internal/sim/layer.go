package sim

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/drover-hpc/drover/internal/jail"
)

// RootDir is the node's layer: all that was written on it since power-on. It
// exists once a command ran, and keeps until the next power-on.
func (n *Node) RootDir() string {
	return filepath.Join(n.fleet.opts.Dir, "nodes", n.xname, "root")
}

// errOver says that something no longer matters because the node is off.
var errOver = errors.New("the node is off")

// enterLife has the life wait for a command; done must be called at its end.
func (n *Node) enterLife(l *life) (done func(), err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l.ctx.Err() != nil {
		return nil, errOver
	}
	l.commands.Add(1)
	return l.commands.Done, nil
}

// seed makes the node's layer when its first command comes.
func (n *Node) seed(l *life, sys *system) error {
	l.seeding.Lock()
	defer l.seeding.Unlock()
	root := n.RootDir()
	if _, err := os.Lstat(root); err == nil {
		return nil
	}
	if err := jail.Seed(root, n.xname); err != nil {
		return err
	}
	n.mu.Lock()
	trusted := sys.Trusted
	n.mu.Unlock()
	return os.WriteFile(filepath.Join(root, "etc/ssh/trusted-user-ca-keys.pem"), []byte(trusted+"\n"), 0o644)
}

// emptyLayer removes what was written on the node, folders that their owner
// may not read included.
func (n *Node) emptyLayer() error {
	dir := filepath.Dir(n.RootDir())
	if os.RemoveAll(dir) == nil {
		return nil
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, _ error) error {
		if d != nil && d.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return nil
	})
	return errors.Join(err, os.RemoveAll(dir))
}
