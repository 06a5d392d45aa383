package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/jail"
	"github.com/drover-hpc/drover/internal/loopback"
)

// Fleet is a number of simulated nodes and their BMCs.
type Fleet struct {
	opts  Options
	nodes []Node
	index map[string]int // xname to place in nodes

	clock     *clock
	ledger    *ledger
	calls     calls
	artifacts artifacts
	bmcs      *bmc.Face
	ssh       *sshServer
	bmcListen net.Listener
	sshListen net.Listener

	ctx     context.Context
	cancel  context.CancelFunc
	serving sync.WaitGroup
	refused string // why no command runs

	randMu sync.Mutex
	rand   *rand.Rand
}

// New opens the fleet in its directory, with the nodes as they were when it
// was last used, and its listening sockets. Nothing moves before Start; Stop
// releases what New opened.
func New(opts Options) (*Fleet, error) {
	if err := opts.complete(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("simulated fleet: %w", err)
	}
	f := &Fleet{opts: opts, nodes: make([]Node, opts.Nodes), index: make(map[string]int, opts.Nodes),
		clock: newClock(opts.AtOnce), rand: rand.New(rand.NewPCG(opts.Seed, opts.Seed))}
	f.artifacts.now = opts.Now
	f.opts.HTTP = f.calls.counted(opts.HTTP)
	for i := range f.nodes {
		n := &f.nodes[i]
		n.fleet, n.place, n.xname, n.state.Power = f, i, nodeXname(i, opts.NodesPerBMC), bmc.Off
		f.index[n.xname] = i
	}
	f.bmcs = bmc.NewFace(f.controller, opts.Username, opts.Password)
	var err error
	if f.ledger, err = openLedger(opts.Dir, f.nodes); err != nil {
		return nil, err
	}
	if f.ssh, err = newSSHServer(f); err == nil {
		err = f.listen()
	}
	if err != nil {
		f.ledger.close()
		return nil, err
	}
	return f, nil
}

func (f *Fleet) listen() (err error) {
	f.bmcListen, err = loopback.ListenAgain(filepath.Join(f.opts.Dir, "bmc.port"), f.opts.BMCPort, bmcNet, f.bmcCount())
	if err != nil {
		return fmt.Errorf("simulated BMCs: %w", err)
	}
	f.sshListen, err = loopback.ListenAgain(filepath.Join(f.opts.Dir, "ssh.port"), f.opts.SSHPort, nodeNet, len(f.nodes))
	if err != nil {
		f.bmcListen.Close()
		return fmt.Errorf("simulated SSH servers: %w", err)
	}
	return nil
}

// Start serves the BMCs and the nodes' SSH, and lets nodes go on that were on
// their way: one that was booting boots again. The gateway should answer by
// now; nodes that find it silent try again as real ones would.
func (f *Fleet) Start(ctx context.Context) error {
	if f.cancel != nil {
		return errors.New("simulated fleet: started twice")
	}
	f.ctx, f.cancel = context.WithCancel(ctx)
	f.refused = "commands on simulated nodes are switched off"
	if f.opts.RunCommands {
		f.refused = ""
		if err := jail.Probe(filepath.Join(f.opts.Dir, "probe")); err != nil {
			f.refused = "no command runs on simulated nodes: " + err.Error()
		}
	}
	bmcs := f.bmcListen
	if f.opts.TLS {
		var err error
		if bmcs, err = bmc.Either(bmcs); err != nil {
			return fmt.Errorf("simulated BMCs: %w", err)
		}
	}
	f.clock.start(f.ctx)
	f.serve(func() error { return f.bmcs.Serve(bmcs) })
	f.serve(func() error { return f.ssh.server.Serve(f.sshListen) })
	for i := range f.nodes {
		f.nodes[i].resume()
	}
	f.clock.after(shortenEvery, f.keepShort)
	return nil
}

func (f *Fleet) serve(run func() error) {
	f.serving.Go(func() {
		if err := run(); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) && f.ctx.Err() == nil {
			f.opts.Log.Error("simulated fleet stopped serving", "error", err)
		}
	})
}

// Stop ends everything that runs on the nodes. Their power states stay in the
// directory as they are.
func (f *Fleet) Stop() {
	// The listeners themselves, too: a server that has not begun to serve yet
	// does not know its own.
	f.bmcListen.Close()
	f.sshListen.Close()
	if f.cancel != nil {
		f.cancel()
		f.bmcs.Close()
		f.ssh.server.Close()
		f.serving.Wait()
		f.clock.wait()
		for i := range f.nodes {
			f.nodes[i].awaitCommands()
		}
	}
	f.ledger.close()
}

// CommandsRefused says why nodes run no commands; empty when they do.
func (f *Fleet) CommandsRefused() string { return f.refused }

// BMCs lists the management controllers, in the order of their xnames.
func (f *Fleet) BMCs() []bmc.Account {
	list := make([]bmc.Account, f.bmcCount())
	for i := range list {
		addr := netip.AddrPortFrom(bmcAddress(i), uint16(loopback.Port(f.bmcListen)))
		list[i] = bmc.Account{Xname: bmcXname(i), Address: addr.String(), Username: f.opts.Username, Password: f.opts.Password}
	}
	return list
}

// SSHPort is the port on which every node answers SSH, at its own address.
func (f *Fleet) SSHPort() int { return loopback.Port(f.sshListen) }

// Node returns the node, nil if there is none of that name.
func (f *Fleet) Node(xname string) *Node {
	i, ok := f.index[xname]
	if !ok {
		return nil
	}
	return &f.nodes[i]
}

// Nodes returns all nodes in the order of their places.
func (f *Fleet) Nodes() []*Node {
	list := make([]*Node, len(f.nodes))
	for i := range f.nodes {
		list[i] = &f.nodes[i]
	}
	return list
}

func (f *Fleet) bmcCount() int {
	return (len(f.nodes) + f.opts.NodesPerBMC - 1) / f.opts.NodesPerBMC
}

// random is a number in [0,1).
func (f *Fleet) random() float64 {
	f.randMu.Lock()
	defer f.randMu.Unlock()
	return f.rand.Float64()
}
