package simulate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/sim"
)

// Config is what `drover simulate` is told.
type Config struct {
	Nodes int
	ARM   bool
	// Dir keeps the nodes' states.
	Dir string
	Way
	// Listen is where the control interface answers; empty: nowhere.
	Listen string
	// Unannounced leaves it to somebody else to make the BMCs known.
	Unannounced bool
	RunCommands bool

	BootDelay, OnDelay, OffDelay time.Duration
	Failures                     float64
	Characters                   []string
	// Pace multiplies the pauses that nodes make by themselves; 0 is 1.
	Pace float64
}

// Simulation is a fleet that runs.
type Simulation struct {
	Fleet *sim.Fleet

	hsm     *hsm.Client
	control net.Listener
	server  *http.Server
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// callTimeout is for HSM while it discovers what it was just told of.
const callTimeout = 5 * time.Minute

// Start starts the fleet and begins to make it known; whoever calls it calls
// Stop.
func Start(ctx context.Context, c Config) (_ *Simulation, err error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	transport, err := c.transport(time.Now)
	if err != nil {
		return nil, err
	}
	api := httpapi.NewClient("HSM", c.Gateway+hsmPath, transport)
	api.HTTP.Timeout = callTimeout
	var network func(context.Context) (string, error)
	if c.Token == "" { // nodes show none, even where this machine's administrator has one
		token, err := auth.Find(os.Getenv, c.Gateway)
		if err != nil {
			return nil, err
		}
		if token != "" {
			api.Header = http.Header{"Authorization": {"Bearer " + token}}
			network = func(context.Context) (string, error) { return token, nil }
		}
	}
	s := &Simulation{hsm: hsm.NewClient(api)}
	s.Fleet, err = sim.New(sim.Options{Nodes: c.Nodes, ARMHalf: c.ARM, Dir: filepath.Join(c.Dir, "sim"), Gateway: c.Gateway,
		HTTP: &http.Client{Transport: transport}, Network: network, RunCommands: c.RunCommands, BootDelay: c.BootDelay, OnDelay: c.OnDelay, OffDelay: c.OffDelay,
		TLS: true, Characters: characters(c.Characters), Pace: c.Pace, Without: c.Without, AtOnce: c.AtOnce})
	if err != nil {
		return nil, err
	}
	if c.Failures > 0 {
		for _, n := range s.Fleet.Nodes() {
			n.SetFaults(sim.Faults{BootFailureRate: c.Failures})
		}
	}
	ctx, s.cancel = context.WithCancel(ctx)
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	if err := s.listen(c.Listen); err != nil {
		return nil, err
	}
	if err := s.Fleet.Start(ctx); err != nil {
		return nil, err
	}
	if !c.Unannounced {
		slog.Info("making the BMCs known to HSM", "url", api.Base)
		if err := Introduce(ctx, s.hsm, s.Fleet.BMCs()); err != nil {
			return nil, fmt.Errorf("make the BMCs known to HSM: %w", err)
		}
		s.running.Go(func() { s.group(ctx) })
	}
	return s, nil
}

func (c *Config) check() error {
	switch {
	case c.Nodes < 1 || c.Nodes > 100_000:
		return fault.New(fault.Invalid, "nodes: expected 1 to 100000, got %d", c.Nodes)
	case c.AtOnce < 0:
		return fault.New(fault.Invalid, "at-once: expected a number of nodes, 0 for as many as without it, got %d", c.AtOnce)
	case c.Failures < 0 || c.Failures > 1:
		return fault.New(fault.Invalid, "boot-failures: expected a share from 0 to 1, got %g", c.Failures)
	}
	return c.Way.check()
}

// characters are the names of those that the BMCs have.
func characters(names []string) []string {
	if slices.Equal(names, []string{"all"}) {
		return bmc.CharacterNames()
	}
	return names
}

// listen answers the control interface.
func (s *Simulation) listen(address string) (err error) {
	if address == "" {
		return nil
	}
	if s.control, err = net.Listen("tcp", address); err != nil {
		return fault.New(fault.Unavailable, "listen on %s: %w", address, err)
	}
	mux := http.NewServeMux()
	mux.Handle(controlPath+"/", http.StripPrefix(controlPath, sim.Handler(s.Fleet)))
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: 30 * time.Second}
	s.running.Go(func() {
		if err := s.server.Serve(s.control); !errors.Is(err, http.ErrServerClosed) {
			slog.Error("the control interface failed", "error", err)
		}
	})
	return nil
}

// controlPath is where `drover serve --simulate` has the same interface.
const controlPath = "/apis/drover/v1/sim"

// Control is the URL of the control interface, empty without one.
func (s *Simulation) Control() string {
	if s.control == nil {
		return ""
	}
	return "http://" + s.control.Addr().String() + controlPath
}

// group groups the nodes once all are found, and asks the less often the longer
// that takes HSM to answer.
func (s *Simulation) group(ctx context.Context) {
	nodes := s.Fleet.Nodes()
	for {
		began := time.Now()
		done, err := Group(ctx, s.hsm, nodes)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			slog.Warn("cannot group the nodes in HSM yet", "error", err)
		case done:
			slog.Info("HSM knows all nodes", "nodes", len(nodes))
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(time.Second, 10*time.Since(began))):
		}
	}
}

// Stop ends the fleet; nodes and BMCs stay as they are in the directory.
func (s *Simulation) Stop() {
	s.cancel()
	if s.server != nil {
		s.server.Close()
	}
	s.Fleet.Stop()
	s.running.Wait()
}
