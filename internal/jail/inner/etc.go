package inner

import (
	"errors"
	"os"
)

// cageEtc are the files and folders of /etc that a cage shows; those that the
// host lacks are left out. None of them holds a secret.
var cageEtc = []string{"alternatives", "ansible", "ca-certificates", "crypto-policies", "debian_version", "gai.conf", "gitconfig", "host.conf", "hosts",
	"krb5.conf", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "locale.alias", "locale.conf", "localtime", "lsb-release", "machine-id", "mime.types",
	"nsswitch.conf", "os-release", "pki/ca-trust", "pki/tls/cert.pem", "pki/tls/certs", "pki/tls/openssl.cnf", "protocols", "redhat-release", "resolv.conf",
	"services", "ssl/cert.pem", "ssl/certs", "ssl/ca-bundle.pem", "ssl/openssl.cnf", "timezone"}

// cageSSH are those of SSH's client, which are copied: in a user namespace of
// one user their owner is nobody, whom ssh does not believe.
var cageSSH = []string{"ssh_config", "ssh_config.d", "ssh_known_hosts", "ssh_known_hosts2"}

// etc makes /etc.
func (c *Spec) etc() error {
	for _, name := range cageEtc {
		if err := c.show(View{From: "/etc/" + name}); err != nil {
			return err
		}
	}
	ssh := c.at("etc/ssh")
	if err := os.Mkdir(ssh, 0o755); err != nil {
		return err
	}
	for _, name := range cageSSH {
		if err := copyPlain("/etc/ssh/"+name, ssh+"/"+name); err != nil {
			return err
		}
	}
	return errors.Join(
		os.WriteFile(c.at("etc/passwd"), []byte(c.passwd()), 0o644),
		os.WriteFile(c.at("etc/group"), []byte(c.groups()), 0o644))
}

// copyPlain copies a file that everybody may read, or those in a folder,
// through links.
func copyPlain(from, to string) error {
	info, err := os.Stat(from)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().IsRegular() && info.Mode().Perm()&0o004 != 0:
		text, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		return os.WriteFile(to, text, 0o644)
	case !info.IsDir():
		return nil
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	for _, e := range entries {
		if err := copyPlain(from+"/"+e.Name(), to+"/"+e.Name()); err != nil {
			return err
		}
	}
	return nil
}
