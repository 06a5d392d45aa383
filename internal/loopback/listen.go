package loopback

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Listen opens port (0: any) for the first count machines of the net: one socket
// bound to the loopback device, which no packet from outside reaches; where the
// kernel refuses that, a socket for each address.
func Listen(port int, n Net, count int) (net.Listener, error) {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if ctl := c.Control(func(fd uintptr) { err = unix.BindToDevice(int(fd), "lo") }); ctl != nil {
			return ctl
		}
		return err
	}}
	l, err := config.Listen(context.Background(), "tcp4", net.JoinHostPort("0.0.0.0", strconv.Itoa(port)))
	if err == nil || errors.Is(err, unix.EADDRINUSE) {
		return l, err
	}
	return listenEach(port, n.Addresses(count))
}

// ListenAgain is Listen on the port that the file remembers from the last time,
// if port is 0 and that one is free: services know machines by it.
func ListenAgain(file string, port int, n Net, count int) (net.Listener, error) {
	if text, err := os.ReadFile(file); err == nil && port == 0 {
		if last, err := strconv.Atoi(string(text)); err == nil {
			if l, err := Listen(last, n, count); err == nil {
				return l, nil
			}
		}
	}
	l, err := Listen(port, n, count)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(file, []byte(strconv.Itoa(Port(l))), 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func listenEach(port int, addrs iter.Seq[netip.Addr]) (net.Listener, error) {
	m := &multiListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	for addr := range addrs {
		l, err := net.Listen("tcp4", netip.AddrPortFrom(addr, uint16(port)).String())
		if err != nil {
			m.Close()
			return nil, fmt.Errorf("listen on loopback addresses one by one: %w", err)
		}
		port = Port(l)
		m.all = append(m.all, l)
	}
	for _, l := range m.all {
		go m.accept(l)
	}
	return m, nil
}

// Port is the port that the listener has.
func Port(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

const acceptPause = 50 * time.Millisecond

// multiListener accepts from several listeners.
type multiListener struct {
	all    []net.Listener
	conns  chan net.Conn
	closed chan struct{}
}

func (m *multiListener) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // such as too many open files
			time.Sleep(acceptPause)
			continue
		}
		select {
		case m.conns <- conn:
		case <-m.closed:
			conn.Close()
			return
		}
	}
}

func (m *multiListener) Accept() (net.Conn, error) {
	select {
	case conn := <-m.conns:
		return conn, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

func (m *multiListener) Close() error {
	select {
	case <-m.closed:
		return net.ErrClosed
	default:
	}
	close(m.closed)
	for _, l := range m.all {
		l.Close()
	}
	return nil
}

func (m *multiListener) Addr() net.Addr { return m.all[0].Addr() }
