package sim

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gliderlabs/ssh"
	gossh "golang.org/x/crypto/ssh"

	"github.com/drover-hpc/drover/internal/jail"
)

// sshServer answers SSH for all nodes. It lets in whoever has a certificate
// for root from the authority that the node trusts.
type sshServer struct {
	fleet  *Fleet
	server *ssh.Server
}

func newSSHServer(f *Fleet) (*sshServer, error) {
	key, err := hostKey(filepath.Join(f.opts.Dir, "ssh_host_ed25519_key"))
	if err != nil {
		return nil, fmt.Errorf("host key of the simulated nodes: %w", err)
	}
	s := &sshServer{fleet: f}
	s.server = &ssh.Server{
		Version:           "Drover_simulated_node",
		HostSigners:       []ssh.Signer{key},
		ConnCallback:      s.connect,
		PublicKeyHandler:  s.admit,
		Handler:           func(sess ssh.Session) { s.run(sess, false) },
		SubsystemHandlers: map[string]ssh.SubsystemHandler{"sftp": func(sess ssh.Session) { s.run(sess, true) }},
		ChannelHandlers:   map[string]ssh.ChannelHandler{"session": ssh.DefaultSessionHandler},
	}
	return s, nil
}

// hostKey reads the key from the file, or makes one.
func hostKey(path string) (gossh.Signer, error) {
	if text, err := os.ReadFile(path); err == nil {
		return gossh.ParsePrivateKey(text)
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := gossh.MarshalPrivateKey(private, "")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, err
	}
	return gossh.NewSignerFromKey(private)
}

type contextKey struct{}

// visit is a connection's node, in the life that it was in when it began.
type visit struct {
	node *Node
	life *life
	sys  *system
}

// connect drops connections to nodes that are not up, and ends the others with
// the node's life.
func (s *sshServer) connect(ctx ssh.Context, conn net.Conn) net.Conn {
	i := nodeNet.IndexOf(conn.LocalAddr())
	if i < 0 || i >= len(s.fleet.nodes) {
		return nil
	}
	v, ok := s.fleet.nodes[i].visit()
	if !ok {
		return nil
	}
	ctx.SetValue(contextKey{}, v)
	stop := context.AfterFunc(v.life.ctx, func() { conn.Close() })
	return &visitedConn{conn, stop}
}

type visitedConn struct {
	net.Conn
	stop func() bool
}

func (c *visitedConn) Close() error {
	c.stop()
	return c.Conn.Close()
}

// visit is the node's running system; a node answers SSH once it knows whom to trust.
func (n *Node) visit() (visit, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	sys := n.state.System
	if sys == nil || sys.Trusted == "" || n.life.ctx.Err() != nil {
		return visit{}, false
	}
	return visit{n, n.life, sys}, true
}

// admit accepts the authority's certificates for root.
func (s *sshServer) admit(ctx ssh.Context, key ssh.PublicKey) bool {
	v, ok := ctx.Value(contextKey{}).(visit)
	cert, isCert := key.(*gossh.Certificate)
	if !ok || !isCert || cert.CertType != gossh.UserCert || ctx.User() != "root" || !slices.Contains(cert.ValidPrincipals, "root") {
		return false
	}
	v.node.mu.Lock()
	trusted := v.sys.Trusted
	v.node.mu.Unlock()
	authority, _, _, _, err := gossh.ParseAuthorizedKey([]byte(trusted))
	if err != nil || !bytes.Equal(authority.Marshal(), cert.SignatureKey.Marshal()) {
		return false
	}
	checker := gossh.CertChecker{Clock: s.fleet.opts.Now}
	return checker.CheckCert("root", cert) == nil
}

// run runs the session's command, or the SFTP server, on the node.
func (s *sshServer) run(sess ssh.Session, sftp bool) {
	v, ok := sess.Context().Value(contextKey{}).(visit)
	if !ok {
		sess.Exit(255) //nolint:errcheck // the client is gone
		return
	}
	exit, err := s.execute(v, sess, sftp)
	if err != nil {
		io.WriteString(sess.Stderr(), v.node.xname+": "+err.Error()+"\n") //nolint:errcheck // the client is gone
		exit = 255
	}
	sess.Exit(exit) //nolint:errcheck // the client is gone
}

func (s *sshServer) execute(v visit, sess ssh.Session, sftp bool) (int, error) {
	if refused := s.fleet.refused; refused != "" {
		return 0, errors.New(refused)
	}
	done, err := v.node.enterLife(v.life)
	if err != nil {
		return 0, err
	}
	defer done()
	if err := v.node.seed(v.life, v.sys); err != nil {
		return 0, err
	}
	// The command ends with the connection and with the node's life.
	ctx, cancel := context.WithCancel(v.life.ctx)
	defer cancel()
	defer context.AfterFunc(sess.Context(), cancel)()

	spec := jail.Spec{Root: v.node.RootDir(), Hostname: v.node.xname, Env: environment(sess)}
	if sftp {
		return jail.Run(ctx, spec, jail.Streams{In: sess, Out: sess, Err: sess.Stderr()})
	}
	spec.Argv = []string{"/bin/sh", "-l"}
	if command := sess.RawCommand(); command != "" {
		spec.Argv = []string{"/bin/sh", "-c", command}
	}
	if pty, windows, wanted := sess.Pty(); wanted {
		spec.Env = append(spec.Env, "TERM="+pty.Term)
		return runOnTerminal(ctx, spec, sess, pty.Window, windows)
	}
	return jail.Run(ctx, spec, jail.Streams{In: sess, Out: sess, Err: sess.Stderr()})
}

func environment(sess ssh.Session) []string {
	env := []string{"HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/sh",
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	if local, remote := sess.LocalAddr(), sess.RemoteAddr(); local != nil && remote != nil {
		env = append(env, fmt.Sprintf("SSH_CONNECTION=%s %s", words(remote), words(local)))
	}
	for _, kv := range sess.Environ() {
		if strings.HasPrefix(kv, "LANG=") || strings.HasPrefix(kv, "LC_") {
			env = append(env, kv)
		}
	}
	return env
}

func words(a net.Addr) string { return strings.Replace(a.String(), ":", " ", 1) }
