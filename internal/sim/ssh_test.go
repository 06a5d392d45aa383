package sim_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/drover-hpc/drover/internal/jail"
	"github.com/drover-hpc/drover/internal/need"
	"github.com/drover-hpc/drover/internal/sim"
)

// authority signs certificates as CFS does.
type authority struct{ ssh.Signer }

func newKey(t testing.TB) (ed25519.PrivateKey, ssh.Signer) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return private, signer
}

func newAuthority(t testing.TB) authority {
	_, signer := newKey(t)
	return authority{signer}
}

func (a authority) public() string { return string(ssh.MarshalAuthorizedKey(a.PublicKey())) }

func (a authority) certify(t testing.TB, key ssh.PublicKey, change func(*ssh.Certificate)) *ssh.Certificate {
	t.Helper()
	cert := &ssh.Certificate{Key: key, CertType: ssh.UserCert, KeyId: "compute node root", ValidPrincipals: []string{"root"},
		ValidAfter: uint64(time.Now().Add(-time.Minute).Unix()), ValidBefore: uint64(time.Now().Add(time.Hour).Unix())}
	if change != nil {
		change(cert)
	}
	if err := cert.SignCert(rand.Reader, a); err != nil {
		t.Fatal(err)
	}
	return cert
}

func dial(t testing.TB, f *sim.Fleet, n *sim.Node, user string, signer ssh.Signer) (*ssh.Client, error) {
	t.Helper()
	return ssh.Dial("tcp", net.JoinHostPort(n.Address(), strconv.Itoa(f.SSHPort())), &ssh.ClientConfig{User: user,
		Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: 10 * time.Second}) //nolint:gosec // test
}

// bootedFleet has its first node up, trusting the authority.
func bootedFleet(t testing.TB, ca authority, commands bool) (*sim.Fleet, *sim.Node) {
	t.Helper()
	g := newGateway()
	g.trust = strings.TrimSpace(ca.public())
	f := fleet(t, g, func(o *sim.Options) { o.RunCommands = commands })
	if commands && f.CommandsRefused() != "" {
		need.Met(t, errors.New(f.CommandsRefused()))
	}
	reset(t, f, 0, "On")
	n := f.Nodes()[0]
	eventually(t, "trust", func() bool { return g.count("PATCH /apis/cfs/v3/components/"+n.Xname()) > 0 })
	return f, n
}

// A directory that is named from the one that the program runs in, as the
// default of drover simulate is, does for commands, too.
func TestCommandsRunBelowARelativeDirectory(t *testing.T) {
	need.Met(t, jail.Probe(filepath.Join(t.TempDir(), "probe")))
	t.Chdir(t.TempDir())
	ca, g := newAuthority(t), newGateway()
	g.trust = strings.TrimSpace(ca.public())
	f := fleet(t, g, func(o *sim.Options) { o.RunCommands, o.Dir = true, "fleet" })
	reset(t, f, 0, "On")
	n := f.Nodes()[0]
	eventually(t, "trust", func() bool { return g.count("PATCH /apis/cfs/v3/components/"+n.Xname()) > 0 })
	if out, errs, err := command(t, login(t, f, n, ca), "hostname", ""); err != nil || strings.TrimSpace(out) != n.Xname() {
		t.Errorf("hostname: %q, %q, %v", out, errs, err)
	}
}

func login(t testing.TB, f *sim.Fleet, n *sim.Node, ca authority) *ssh.Client {
	t.Helper()
	_, key := newKey(t)
	signer, err := ssh.NewCertSigner(ca.certify(t, key.PublicKey(), nil), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := dial(t, f, n, "root", signer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func command(t testing.TB, c *ssh.Client, line, stdin string) (out, errs string, err error) {
	t.Helper()
	s, err := c.NewSession()
	if err != nil {
		return "", "", err
	}
	defer s.Close()
	var o, e bytes.Buffer
	s.Stdin, s.Stdout, s.Stderr = strings.NewReader(stdin), &o, &e
	err = s.Run(line)
	return o.String(), e.String(), err
}

func TestOnlyTheAuthoritysCertificatesOpenANode(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	f, n := bootedFleet(t, ca, false)
	_, key := newKey(t)
	for _, c := range []struct {
		name, user string
		by         authority
		change     func(*ssh.Certificate)
		ok         bool
	}{
		{"root's", "root", ca, nil, true},
		{"of another authority", "root", other, nil, false},
		{"for another user", "nobody", ca, nil, false},
		{"of another principal", "root", ca, func(c *ssh.Certificate) { c.ValidPrincipals = []string{"operator"} }, false},
		{"without principals", "root", ca, func(c *ssh.Certificate) { c.ValidPrincipals = nil }, false},
		{"expired", "root", ca, func(c *ssh.Certificate) { c.ValidBefore = c.ValidAfter + 1 }, false},
		{"of a host", "root", ca, func(c *ssh.Certificate) { c.CertType = ssh.HostCert }, false},
		{"with a forced command", "root", ca, func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"force-command": "x"} }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			signer, err := ssh.NewCertSigner(c.by.certify(t, key.PublicKey(), c.change), key)
			if err != nil {
				t.Fatal(err)
			}
			client, err := dial(t, f, n, c.user, signer)
			if (err == nil) != c.ok {
				t.Errorf("login: %v", err)
			}
			if err == nil {
				client.Close()
			}
		})
	}
	if _, err := dial(t, f, n, "root", key); err == nil {
		t.Error("a bare key opened the node")
	}
	if _, err := dial(t, f, f.Nodes()[1], "root", key); err == nil {
		t.Error("a node that is off answered")
	}
}

func TestRefusedCommandsSaySo(t *testing.T) {
	ca := newAuthority(t)
	f, n := bootedFleet(t, ca, false)
	_, errs, err := command(t, login(t, f, n, ca), "touch /tmp/drover-ran", "")
	if exit, ok := err.(*ssh.ExitError); !ok || exit.ExitStatus() != 255 || !strings.Contains(errs, f.CommandsRefused()) {
		t.Errorf("%v: %q", err, errs)
	}
	if _, err := os.Stat(n.RootDir()); err == nil {
		t.Error("there is a layer")
	}
}

func TestCommandsRunOnTheNode(t *testing.T) {
	ca := newAuthority(t)
	f, n := bootedFleet(t, ca, true)
	c := login(t, f, n, ca)
	out, errs, err := command(t, c, "cat > /etc/motd; hostname; echo warn >&2; cat /etc/ssh/trusted-user-ca-keys.pem; exit 3", "welcome\n")
	if exit, ok := err.(*ssh.ExitError); !ok || exit.ExitStatus() != 3 || errs != "warn\n" || out != n.Xname()+"\n"+ca.public() {
		t.Errorf("%v: %q, %q", err, out, errs)
	}
	motd := filepath.Join(n.RootDir(), "etc/motd")
	if text, err := os.ReadFile(motd); err != nil || string(text) != "welcome\n" {
		t.Errorf("motd: %q, %v", text, err)
	}
	if _, err := c.Dial("tcp", f.BMCs()[0].Address); err == nil {
		t.Error("the node forwards ports")
	}
	reset(t, f, 0, "ForceOff")
	if err := c.Wait(); err == nil {
		t.Error("the connection outlived the node")
	}
	if _, err := os.Stat(motd); err != nil {
		t.Errorf("the layer of a node that is off cannot be looked at: %v", err)
	}
	reset(t, f, 0, "On")
	up(t, n)
	if _, err := os.Stat(motd); err == nil {
		t.Error("the layer survived the power-off")
	}
}

func TestPowerOffKillsCommands(t *testing.T) {
	ca := newAuthority(t)
	f, n := bootedFleet(t, ca, true)
	s, err := login(t, f, n, ca).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start("trap '' TERM; while :; do echo x >> /root/beat; sleep 0.01; done"); err != nil {
		t.Fatal(err)
	}
	beat := filepath.Join(n.RootDir(), "root/beat")
	eventually(t, "a beat", func() bool { info, err := os.Stat(beat); return err == nil && info.Size() > 0 })
	reset(t, f, 0, "ForceOff")
	reset(t, f, 0, "On") // begins only when the commands of the last life are gone
	up(t, n)
	if _, err := os.Stat(beat); err == nil {
		t.Error("the command still writes")
	}
}

func TestSFTP(t *testing.T) {
	ca := newAuthority(t)
	f, n := bootedFleet(t, ca, true)
	c, err := sftp.NewClient(login(t, f, n, ca))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	file, err := c.Create("put.txt")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(file, "content")
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(n.RootDir(), "root/put.txt")); err != nil || string(text) != "content" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := c.Create("/usr/put.txt"); err == nil {
		t.Error("SFTP wrote to the host")
	}
}

func TestTerminal(t *testing.T) {
	ca := newAuthority(t)
	f, n := bootedFleet(t, ca, true)
	s, err := login(t, f, n, ca).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RequestPty("xterm", 33, 77, ssh.TerminalModes{}); err != nil {
		t.Fatal(err)
	}
	out, err := s.CombinedOutput("test -t 0 && test -t 1 && stty size && echo $TERM")
	if err != nil || string(out) != "33 77\r\nxterm\r\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// The real ansible-playbook, with OpenSSH, as a CFS session uses it.
func TestAnsible(t *testing.T) {
	for _, tool := range []string{"ansible-playbook", "ssh"} {
		_, err := exec.LookPath(tool)
		need.Met(t, err)
	}
	ca := newAuthority(t)
	f, n := bootedFleet(t, ca, true)
	dir := t.TempDir()
	private, key := newKey(t)
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	cert := ca.certify(t, key.PublicKey(), func(c *ssh.Certificate) { c.Permissions.Extensions = map[string]string{"permit-pty": ""} })
	for name, text := range map[string][]byte{
		"id":          pem.EncodeToMemory(block),
		"id-cert.pub": ssh.MarshalAuthorizedKey(cert),
		"hosts":       fmt.Appendf(nil, "%s ansible_host=%s ansible_port=%d ansible_user=root\n", n.Xname(), n.Address(), f.SSHPort()),
		"play.yml": []byte(`- hosts: all
  gather_facts: true
  tasks:
    - copy: {content: "configured by {{ inventory_hostname }} {{ ansible_facts.hostname }}\n", dest: /etc/motd, mode: "0640"}
    - file: {path: /opt/app/bin, state: directory}
    - template: {src: app.j2, dest: /opt/app/bin/app, mode: "0755"}
    - command: /opt/app/bin/app
      register: app
    - assert: {that: app.stdout == 'app of ` + n.Xname() + `'}
    - lineinfile: {path: /etc/hosts, line: "10.0.0.1 gw"}
`),
		"app.j2": []byte("#!/bin/sh\necho app of $(hostname)\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "ansible-playbook", "-i", "hosts", "--private-key", "id", "play.yml")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "ANSIBLE_HOST_KEY_CHECKING=False", "ANSIBLE_HOME="+dir, "ANSIBLE_NOCOLOR=1",
		"ANSIBLE_SSH_CONTROL_PATH_DIR="+dir, "ANSIBLE_SSH_ARGS=-o ControlMaster=no -o IdentitiesOnly=yes", "SSH_AUTH_SOCK=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	motd := filepath.Join(n.RootDir(), "etc/motd")
	text, err := os.ReadFile(motd)
	if err != nil || string(text) != "configured by "+n.Xname()+" "+n.Xname()+"\n" {
		t.Errorf("motd on the node: %q, %v", text, err)
	}
	if info, err := os.Stat(motd); err == nil && info.Mode().Perm() != 0o640 {
		t.Errorf("its mode: %v", info.Mode())
	}
}
