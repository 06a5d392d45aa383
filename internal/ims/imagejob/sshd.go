package imagejob

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/ims"
)

// sshd is the SSH server below a root.
const sshd = "usr/sbin/sshd"

func errNoSSHD(jailed bool) error {
	why := "a shell that sees more than the image is served by this machine's SSH server"
	if jailed {
		why = "the image has no SSH server of its own, so that its shell is served by this machine's"
	}
	return fault.New(fault.Unavailable, "%s, which is missing. Install:\n    apt-get install openssh-server", why)
}

// errTaken tells that somebody else answers at the port.
var errTaken = errors.New("another server has the port")

type hostKey struct {
	private string
	public  ssh.PublicKey
}

// newHostKey makes the key of one shell, so that the image needs none.
func newHostKey() (*hostKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		return nil, err
	}
	shown, err := ssh.NewPublicKey(public)
	return &hostKey{private: string(pem.EncodeToMemory(block)), public: shown}, err
}

// freePort finds one at which nobody listens now.
func freePort(host string) (int, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// probe tells whether the server with the key answers.
func probe(at ims.SSHAddress, key ssh.PublicKey) error {
	met := false
	c, err := ssh.Dial("tcp", net.JoinHostPort(at.Host, strconv.Itoa(at.Port)), &ssh.ClientConfig{
		User: "root", Timeout: 10 * time.Second,
		HostKeyCallback: func(_ string, _ net.Addr, is ssh.PublicKey) error {
			if !bytes.Equal(is.Marshal(), key.Marshal()) {
				return errTaken
			}
			met = true
			return nil
		}})
	if c != nil {
		c.Close()
	}
	if met { // that it lets nobody in without a key is as it should be
		return nil
	}
	return err
}

// connectedPorts are the local ports of connections that are open.
func connectedPorts() (ports []int) {
	const local, state, established = 1, 3, "01"
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, _ := os.ReadFile(file) // without IPv6 there is one
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) <= state || f[state] != established {
				continue
			}
			_, port, _ := strings.Cut(f[local], ":")
			if n, err := strconv.ParseUint(port, 16, 16); err == nil {
				ports = append(ports, int(n))
			}
		}
	}
	return ports
}

// poll asks until the answer is yes, and reports whether it was.
func poll(ctx context.Context, done func() bool) bool {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

// has tells whether the root has the file.
func has(root, name string) bool {
	f, err := inRoot(root, name)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

// rootLocked tells whether the image's root is an account that no password
// opens and that OpenSSH therefore refuses.
func rootLocked(root string) bool {
	f, err := inRoot(root, "etc/shadow")
	if err != nil {
		return false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "root:"); ok {
			return strings.HasPrefix(rest, "!")
		}
	}
	return false
}

// addUser adds a line to the users of the tools, once.
func addUser(root, line string) error {
	path := filepath.Join(root, "etc/passwd")
	text, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(text), line) {
		return err
	}
	return os.WriteFile(path, append(text, line+"\n"...), 0o644)
}

func lines(list []string) string { return strings.Join(list, "\n") + "\n" }
