package relay

import (
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// serve answers one connection with who asked and what was said.
func serve(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		said, _ := io.ReadAll(conn)
		host, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
		io.WriteString(conn, host+" said "+string(said))
	}()
	return l.Addr().String()
}

// As QEMU does it: this program, started anew with the command.
func TestRelayedFromTheNodesAddress(t *testing.T) {
	words := strings.Fields(Command(os.Args[0], "127.122.0.9", serve(t)))
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdin = strings.NewReader("hello")
	out, err := cmd.Output()
	if err != nil || string(out) != "127.122.0.9 said hello" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := join("127.122.0.9", l.Addr().String(), strings.NewReader(""), io.Discard); err == nil {
		t.Error("joined to nobody")
	}
}
