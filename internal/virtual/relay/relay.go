// Package relay is the way out of a virtual node's sealed network: for each
// connection that the node opens, QEMU starts this program once more, which
// joins its standard streams to a service.
//
//	guest ─► QEMU ─► stdin/stdout of "PROGRAM virtual-relay FROM TO" ─► service
//
// It connects from the node's own address, so that services know who asks.
package relay

import (
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// name is the first argument of a program that is started as a relay.
const name = "virtual-relay"

const dialTimeout = 10 * time.Second

// Command is the command line that QEMU runs: program is this binary, from the
// node's address, to the service's host:port.
func Command(program, from, to string) string {
	return program + " " + name + " " + from + " " + to
}

// init does not wait for main: by then all that the program imports would have
// been initialised, for each connection of a node.
func init() {
	if len(os.Args) == 4 && os.Args[1] == name {
		if err := join(os.Args[2], os.Args[3], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "virtual node's connection:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// join carries what comes in to the service and its answer out, until the
// service has closed, or neither side can go on.
func join(from, to string, in io.Reader, out io.Writer) error {
	d := net.Dialer{Timeout: dialTimeout, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.Dial("tcp", to)
	if err != nil {
		return err
	}
	defer conn.Close()
	go func() {
		io.Copy(conn, in)                //nolint:errcheck // the service sees the end
		conn.(*net.TCPConn).CloseWrite() //nolint:errcheck // it may be closed
	}()
	_, err = io.Copy(out, conn)
	return err
}
