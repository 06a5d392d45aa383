package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/sim"
	"github.com/drover-hpc/drover/internal/simulate"
	"github.com/drover-hpc/drover/internal/virtual"
)

// openFleet makes the simulated fleet, if one is asked for. It comes before
// the services because they must know the port of its SSH servers.
func (s *Server) openFleet(context.Context) error {
	c := &s.config
	if c.Simulate == 0 {
		return nil
	}
	o := sim.Options{
		Nodes: c.Simulate, ARMHalf: c.SimARM, Dir: filepath.Join(c.Data, "sim"), Gateway: s.nodeDoor(), Infrastructure: s.localURL(), RunCommands: true,
		BootDelay: c.SimBootDelay, OnDelay: c.SimOnDelay, OffDelay: c.SimOffDelay, Now: s.now,
		Characters: c.SimBMCs, Network: s.networkToken,
	}
	if slices.Equal(o.Characters, []string{"all"}) {
		o.Characters = bmc.CharacterNames()
	}
	if c.Virtual.Nodes > 0 {
		o.HTTP = s.nodeClient()
	}
	if s.opts.Fleet != nil {
		s.opts.Fleet(&o)
	}
	fleet, err := sim.New(o)
	if err != nil {
		return err
	}
	if c.SimFailure > 0 {
		for _, n := range fleet.Nodes() {
			n.SetFaults(sim.Faults{BootFailureRate: c.SimFailure})
		}
	}
	s.fleet = fleet
	s.config.SSHPort = fleet.SSHPort()
	s.onStop(fleet.Stop)
	return nil
}

// openVirtual makes the virtual fleet, if one is asked for. It comes before the
// services because they must know the port of its SSH servers, and may ask its
// BMCs as soon as they start.
func (s *Server) openVirtual(context.Context) error {
	c := &s.config.Virtual
	if c.Nodes == 0 {
		return nil
	}
	fleet, err := virtual.New(virtual.Options{Nodes: c.Nodes, Dir: filepath.Join(s.config.Data, "virtual"),
		Memory: c.Memory, CPUs: c.CPUs, Accel: c.Accel})
	if err != nil {
		return err
	}
	s.virtual = fleet
	s.onStop(fleet.Stop)
	return nil
}

// virtualSite is what virtual nodes find around them.
func (s *Server) virtualSite() (virtual.Site, error) {
	reach, err := s.reach()
	return virtual.Site{Gateway: s.nodeURL(), Reach: reach, Lease: s.platform.hsm.SetIPAddress}, err
}

// fleets are the nodes and BMCs that the server brings itself.
func (s *Server) fleets() (nodes []simulate.Node, bmcs []bmc.Account) {
	if s.fleet != nil {
		for _, n := range s.fleet.Nodes() {
			nodes = append(nodes, n)
		}
		bmcs = append(bmcs, s.fleet.BMCs()...)
	}
	if s.virtual != nil {
		for _, n := range s.virtual.Nodes() {
			nodes = append(nodes, n)
		}
		bmcs = append(bmcs, s.virtual.BMCs()...)
	}
	return nodes, bmcs
}

// startFleets sets the nodes going and makes them known, as an administrator
// would: their BMCs to discovery, their groups to HSM.
func (s *Server) startFleets(ctx context.Context) error {
	if s.fleet != nil {
		s.mux.Handle("/apis/drover/v1/sim/", http.StripPrefix("/apis/drover/v1/sim", sim.Handler(s.fleet)))
		if err := s.fleet.Start(context.WithoutCancel(ctx)); err != nil {
			return err
		}
		if why := s.fleet.CommandsRefused(); why != "" {
			slog.Warn("simulated nodes run no commands", "reason", why)
		}
	}
	if s.virtual != nil {
		site, err := s.virtualSite()
		if err != nil {
			return err
		}
		if err := s.virtual.Start(site); err != nil {
			return err
		}
	}
	nodes, bmcs := s.fleets()
	if len(nodes) == 0 {
		return nil
	}
	if err := simulate.Introduce(ctx, s.platform.hsm, bmcs); err != nil {
		return fmt.Errorf("make the fleet's BMCs known: %w", err)
	}
	groups := &events.Loop{Name: "fleet groups", Hub: s.hub, Tables: []string{hsm.ComponentsTable}, Run: s.groupFleets}
	groups.Start(context.WithoutCancel(ctx))
	s.onStop(groups.Stop)
	return nil
}

// groupFleets puts the server's own nodes into HSM groups by architecture and
// cabinet, once discovery has found them all.
func (s *Server) groupFleets(ctx context.Context, _ events.Wake) error {
	if s.grouped {
		return nil
	}
	nodes, _ := s.fleets()
	done, err := simulate.Group(ctx, s.platform.hsm, nodes)
	if err != nil {
		return fmt.Errorf("group the fleet's nodes: %w", err)
	}
	s.grouped = done
	return nil
}
