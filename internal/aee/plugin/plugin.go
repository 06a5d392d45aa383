// Package plugin carries what Ansible loads for a CFS session: the callbacks
// cfs_aggregator and cfs_results, the strategies cfs_linear and cfs_free, the debug playbooks
// and the default configuration. Their names are an interface: sites name them
// in their own configurations.
package plugin

import (
	"embed"
	"io/fs"
	"os"
)

// Names of directories in the unpacked tree.
const (
	Callbacks  = "callback"
	Strategies = "strategy"
	Playbooks  = "playbooks"
)

// The callbacks that sessions need: Reporter reports to CFS, Recorder records
// what tasks came to.
const (
	Reporter = "cfs_aggregator"
	Recorder = "cfs_results"
)

// DefaultConfigName is the Ansible configuration that is always there.
const DefaultConfigName = "cfs-default-ansible-cfg"

//go:embed callback/*.py strategy/*.py playbooks/*.yaml
var files embed.FS

// DefaultConfig is the text of the configuration DefaultConfigName.
//
//go:embed ansible.cfg
var DefaultConfig []byte

// Unpack writes the plugins and playbooks to dir, which must not hold them yet.
func Unpack(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.CopyFS(dir, files)
}

// IsDebug reports whether there is a debug playbook of the name, such as "noop.yaml".
func IsDebug(name string) bool {
	_, err := fs.Stat(files, Playbooks+"/"+name)
	return err == nil
}
