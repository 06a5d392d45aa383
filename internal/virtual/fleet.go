package virtual

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/loopback"
	"github.com/drover-hpc/drover/internal/node"
)

const (
	bmcNet  loopback.Net = 121
	nodeNet loopback.Net = 122

	firstCabinet    = 3000
	slotsPerCabinet = 40
)

var errStopping = errors.New("the fleet is stopping")

// Fleet is a number of virtual nodes and their BMCs.
type Fleet struct {
	opts    Options
	site    Site
	network network
	program string // what QEMU starts as a relay
	nodes   []*Node
	sshPort int

	face   *bmc.Face
	listen net.Listener

	ctx     context.Context
	cancel  context.CancelFunc
	lives   sync.WaitGroup
	serving sync.WaitGroup
}

// New opens the fleet in its directory and the BMCs' socket. All nodes are off.
// Who asks a BMC before Start waits; Stop releases what New opened.
func New(opts Options) (*Fleet, error) {
	if err := opts.complete(); err != nil {
		return nil, err
	}
	// The path of this very program, even when its file is replaced: relays
	// live no longer than it.
	f := &Fleet{opts: opts, program: fmt.Sprintf("/proc/%d/exe", os.Getpid())}
	for i := range opts.Nodes {
		n := &Node{fleet: f, place: i, xname: bmcXname(i) + "n0"}
		if err := n.open(); err != nil {
			return nil, fmt.Errorf("virtual node %s: %w", n.xname, err)
		}
		f.nodes = append(f.nodes, n)
	}
	var err error
	if f.sshPort, err = freePort(filepath.Join(opts.Dir, "ssh.port"), opts.Nodes); err != nil {
		return nil, fmt.Errorf("virtual nodes' SSH: %w", err)
	}
	f.face = bmc.NewFace(f.controller, username, password)
	f.listen, err = loopback.ListenAgain(filepath.Join(opts.Dir, "bmc.port"), 0, bmcNet, opts.Nodes)
	if err != nil {
		return nil, fmt.Errorf("virtual BMCs: %w", err)
	}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f, nil
}

// freePort is a port that no node's address has in use: the one that the file
// remembers from the last time, else any.
func freePort(file string, nodes int) (int, error) {
	text, err := os.ReadFile(file)
	if err == nil {
		if last, err := strconv.Atoi(string(text)); err == nil && portIsFree(last, nodes) == nil {
			return last, nil
		}
	}
	const tries = 100
	for range tries {
		port, err := anyPort()
		if err != nil {
			return 0, err
		}
		if portIsFree(port, nodes) == nil {
			return port, os.WriteFile(file, []byte(strconv.Itoa(port)), 0o600)
		}
	}
	return 0, errors.New("no port is free at the addresses of all nodes")
}

func anyPort() (int, error) {
	l, err := net.Listen("tcp4", netip.AddrPortFrom(nodeNet.Address(0), 0).String())
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return loopback.Port(l), nil
}

func portIsFree(port, nodes int) error {
	for a := range nodeNet.Addresses(nodes) {
		l, err := net.Listen("tcp4", netip.AddrPortFrom(a, uint16(port)).String())
		if err != nil {
			return err
		}
		l.Close()
	}
	return nil
}

// Start serves the BMCs of nodes that live at the site.
func (f *Fleet) Start(site Site) (err error) {
	if f.network, err = plan(site.Reach); err != nil {
		return err
	}
	f.site = site
	f.serving.Go(func() {
		if err := f.face.Serve(f.listen); err != nil && !errors.Is(err, http.ErrServerClosed) && f.ctx.Err() == nil {
			f.opts.Log.Error("virtual BMCs stopped serving", "error", err)
		}
	})
	return nil
}

// Stop cuts every node's power and returns when no process is left.
func (f *Fleet) Stop() {
	f.cancel()
	f.listen.Close()
	f.face.Close()
	f.serving.Wait()
	for _, n := range f.nodes {
		n.awaitReset()
	}
	f.lives.Wait()
	for _, n := range f.nodes {
		n.console.end()
	}
}

// pause waits before another try, at most until ended is closed.
func (f *Fleet) pause(ended <-chan struct{}, try int) {
	timer := time.NewTimer(node.RetryWait(try + 1))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ended:
	case <-f.ctx.Done():
	}
}

// controller is the BMC at the address.
func (f *Fleet) controller(addr netip.Addr) (bmc.Controller, bool) {
	i := bmcNet.Index(addr)
	if i < 0 || i >= len(f.nodes) {
		return bmc.Controller{}, false
	}
	return bmc.Controller{Number: i, Model: "Virtual BMC", SerialNumber: fmt.Sprintf("VB%d", i),
		UUID: fmt.Sprintf("d20e0000-0400-4000-8000-%012x", i), MAC: mac(0xd3, i), Systems: []bmc.System{f.nodes[i]}}, true
}

// BMCs lists the management controllers, in the order of their xnames.
func (f *Fleet) BMCs() []bmc.Account {
	list := make([]bmc.Account, len(f.nodes))
	for i := range list {
		addr := netip.AddrPortFrom(bmcNet.Address(i), uint16(loopback.Port(f.listen)))
		list[i] = bmc.Account{Xname: bmcXname(i), Address: addr.String(), Username: username, Password: password}
	}
	return list
}

// bmcXname is that of a server of one unit of height in a rack.
func bmcXname(i int) string {
	return fmt.Sprintf("x%dc0s%db0", firstCabinet+i/slotsPerCabinet, i%slotsPerCabinet+1)
}

// Nodes returns all nodes in the order of their places.
func (f *Fleet) Nodes() []*Node { return f.nodes }

// SSHPort is the port on which every node answers SSH, at its own address.
func (f *Fleet) SSHPort() int { return f.sshPort }

// Addresses is the network of the nodes' addresses.
func Addresses() netip.Prefix {
	prefix, _ := nodeNet.Address(0).Prefix(16) // 127.122.0.0/16
	return prefix
}
