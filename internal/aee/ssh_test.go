package aee

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/job"

	"github.com/gliderlabs/ssh"
	"github.com/google/go-cmp/cmp"
	gossh "golang.org/x/crypto/ssh"

	"github.com/drover-hpc/drover/internal/aee/trust"
	"github.com/drover-hpc/drover/internal/cfs"
)

// sshNode is a node's SSH server: it accepts what the authority certified.
// Commands run with a home of their own.
type sshNode struct {
	port  int
	mu    sync.Mutex
	conns int
	open  sync.WaitGroup
}

func newSSHNode(t *testing.T, authority string) *sshNode {
	t.Helper()
	ca, _, _, _, err := gossh.ParseAuthorizedKey([]byte(authority))
	if err != nil {
		t.Fatal(err)
	}
	checker := gossh.CertChecker{IsUserAuthority: func(k gossh.PublicKey) bool { return bytes.Equal(k.Marshal(), ca.Marshal()) }}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n, home := &sshNode{port: listener.Addr().(*net.TCPAddr).Port}, t.TempDir()
	server := &ssh.Server{
		PublicKeyHandler: func(ctx ssh.Context, key ssh.PublicKey) bool {
			cert, ok := key.(*gossh.Certificate)
			return ok && ctx.User() == "root" && checker.IsUserAuthority(cert.SignatureKey) && checker.CheckCert("root", cert) == nil
		},
		ConnCallback: func(_ ssh.Context, c net.Conn) net.Conn {
			n.mu.Lock()
			n.conns++
			n.mu.Unlock()
			n.open.Add(1)
			return &tracked{Conn: c, closed: sync.OnceFunc(n.open.Done)}
		},
		Handler: func(s ssh.Session) {
			cmd := exec.CommandContext(s.Context(), "/bin/sh", "-c", s.RawCommand())
			cmd.Env, cmd.Dir = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH")}, home
			cmd.Stdin, cmd.Stdout, cmd.Stderr = s, s, s.Stderr()
			cmd.WaitDelay = time.Second
			if cmd.Run() != nil {
				s.Exit(1) //nolint:errcheck // the client is gone
			}
		},
	}
	go server.Serve(listener) //nolint:errcheck // ends with Close
	t.Cleanup(func() { server.Close() })
	return n
}

type tracked struct {
	net.Conn
	closed func()
}

func (c *tracked) Close() error {
	defer c.closed()
	return c.Conn.Close()
}

func TestSessionOverSSHLeavesNoConnection(t *testing.T) {
	s := newSite(t)
	s.TrustDir = t.TempDir()
	ca, err := trust.Open(s.TrustDir, nil)
	if err != nil {
		t.Fatal(err)
	}
	node := newSSHNode(t, ca.PublicKey())
	s.SSHPort = node.port
	s.hsm = map[string]string{"/groups": "[]", "/partitions": "[]",
		"/State/Components":             `{"Components":[{"ID":"x1000c0s0b0n0","Type":"Node","Role":"Compute"}]}`,
		"/Inventory/EthernetInterfaces": `[{"ComponentID":"x1000c0s0b0n0","IPAddresses":[{"IPAddress":"127.0.0.1"}]}]`}
	repo, commit := repository(t, map[string]string{"site.yml": "- hosts: Compute\n  gather_facts: false\n  tasks: [{ping: }, {ping: }]\n"})
	dir, result := s.run(t, cfs.Job{Target: cfs.TargetDynamic, RecordState: true,
		Layers: []cfs.JobLayer{{CloneURL: repo, Commit: commit, Playbook: "site.yml"}}})
	if result.Phase != job.Succeeded {
		t.Fatalf("%+v\n%s", result, job.Tail(dir.Log(StepAnsible), 1<<20))
	}
	if diff := cmp.Diff(map[string]string{"x1000c0s0b0n0": "applied"}, s.statuses()); diff != "" {
		t.Error(diff)
	}
	ended := make(chan struct{})
	go func() { node.open.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(10 * time.Second): // ControlPersist would keep it for a minute
		t.Error("SSH connections outlive the session")
	}
	if node.conns != 1 {
		t.Errorf("%d connections, expected one for all tasks", node.conns)
	}
}

func TestLongJobDirectoriesHaveShortSockets(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	d := Dir(filepath.Join(t.TempDir(), strings.Repeat("long", 20)))
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		t.Fatal(err)
	}
	dir, err := controlDir(d)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := controlDir(d); err != nil || again != dir {
		t.Errorf("second time %q, %v; expected %q", again, err, dir)
	}
	if len(dir) >= len(string(d)) {
		t.Errorf("%q is not shorter", dir)
	}
	EndMasters(d)
	if _, err := os.Stat(dir); err == nil {
		t.Error("the directory of sockets is left")
	}
}
