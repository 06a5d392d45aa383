package server

import (
	"cmp"
	"context"
	"path/filepath"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/boa"
	"github.com/drover-hpc/drover/internal/bos/plan"
	v1 "github.com/drover-hpc/drover/internal/bos/v1"
	"github.com/drover-hpc/drover/internal/ims"

	"github.com/drover-hpc/drover/internal/aee"
	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/clients"
	"github.com/drover-hpc/drover/internal/bos/operators"
	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/cfs/batcher"
	"github.com/drover-hpc/drover/internal/cfs/gitref"
	"github.com/drover-hpc/drover/internal/cfs/hwsync"
	"github.com/drover-hpc/drover/internal/cfs/operator"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/pcs"
	"github.com/drover-hpc/drover/internal/virtual"
)

// watched are the tables whose changes concern a session's followers.
var watched = []string{bos.ComponentsTable, bos.SessionsTable}

func (s *Server) startCFS(ctx context.Context) error {
	trusted, err := s.startTrust(ctx)
	if err != nil {
		return err
	}
	var service *cfs.Service
	executor := s.opts.Executor
	if executor == nil {
		source := func(ctx context.Context, name string) (cfs.Repository, error) { return service.Repository(ctx, name) }
		options := func(ctx context.Context) (cfs.Options, error) { return service.Options(ctx) }
		if executor, err = s.startExecutor(trusted, source, options); err != nil {
			return err
		}
	}
	records, _ := executor.(cfs.Records)
	carried, err := s.openSessionEvents(ctx)
	if err != nil {
		return err
	}
	service = cfs.NewService(cfs.Config{DB: s.db, Events: carried.outbox, Broker: carried.health(), Journal: s.journal, Hub: s.hub, Resolver: &gitref.Resolver{Names: s.vcsNames(), CAFile: s.authorities, MayClone: s.config.files().Check}, MayClone: s.config.files().Check, Records: records,
		ARAHost: s.resultsHost(), Tenants: s.platform.tapms, SessionsHeld: s.config.HoldCFS, Stopping: s.stopping, Now: s.now})
	api := s.api(cfsPrefix, "CFS")
	cfs.Register(api, service)
	s.cfs = service
	var hints []string
	if s.config.HSM == "" {
		hints = []string{hsm.ComponentsTable}
	}
	agent := hwsync.New(hwsync.Config{Components: service, HSM: s.platform.hsm, Hub: s.hub, Tables: hints})
	op := operator.New(operator.Config{Sessions: service, Queue: carried.queue, EventWait: carried.wait(&s.config.Kafka),
		Executor: executor, ImageJobs: imageJobs{s.platform.ims}, Hub: s.hub, MaxJobs: s.config.MaxSessions, Held: s.config.HoldCFS, Now: s.now})
	s.measureEvents(carried, op, service)
	s.measureCFS(service)
	s.measureJobs(op)
	batches := batcher.New(batcher.Config{DB: s.db, CFS: service, Journal: s.journal, Hub: s.hub, MaxJobs: s.config.MaxSessions, Held: s.config.HoldCFS, Now: s.now})
	batcher.Register(api, batches)
	for _, loop := range []interface {
		Start(context.Context)
		Stop()
	}{agent, op, batches} {
		loop.Start(context.WithoutCancel(ctx))
		s.onStop(loop.Stop)
	}
	return nil
}

// startExecutor sets up what runs sessions: local child processes, or Jobs.
func (s *Server) startExecutor(trusted string, source func(context.Context, string) (cfs.Repository, error), options func(context.Context) (cfs.Options, error)) (cfs.Executor, error) {
	if s.config.Executor == executorKubernetes {
		return s.startKubernetes(trusted, source, options)
	}
	executor, err := aee.NewExecutor(aee.ExecutorConfig{Dir: s.path(ofSessions), Program: s.opts.Program,
		Token: s.sessionToken, Repository: source, Parallel: s.config.MaxSessions, Succession: s.succession(), Now: s.now, Settings: aee.Settings{Cage: s.config.Cage.steps(), TimeLimit: s.config.Cage.Time, Files: s.config.files(), ARA: s.config.ARA, Gateway: s.localURL(), VCS: s.vcsNames(), HSM: s.config.forJobs(s.config.HSM), IMS: s.config.forJobs(s.config.IMS), SSHPort: s.config.SSHPort, SSHPorts: s.sshPorts(),
			OrphanTimeout: s.config.JobOrphan, CacheDir: filepath.Join(s.config.Data, "repositories"), TrustDir: trusted, ConfigDir: s.config.AnsibleDir, CAFile: s.authorities}})
	if err != nil {
		return nil, err
	}
	return executor, s.openJobs(ofSessions, executor)
}

func (s *Server) sessionToken(j cfs.Job) string { return s.jobToken(auth.Session, j.Session, j.ID) }

// resultsHost is where records of sessions link to: ARA, or the pages of this
// server. As the interface has it, there is no scheme.
func (s *Server) resultsHost() string {
	_, host, _ := strings.Cut(cmp.Or(s.config.ARA, s.URL()), "://")
	return strings.TrimRight(host, "/")
}

// sshPorts are the ports of networks in which nodes do not answer SSH at the
// usual one.
func (s *Server) sshPorts() map[string]int {
	if s.virtual == nil {
		return nil
	}
	return map[string]int{virtual.Addresses().String(): s.virtual.SSHPort()}
}

func (s *Server) startBOS(ctx context.Context) error {
	p := &s.platform
	service := bos.NewService(bos.Config{DB: s.db, Journal: s.journal, Hub: s.hub, Objects: clients.Objects(p.objects),
		Images: clients.Images(p.ims), Tenants: clients.Tenants(p.tapms), Addresses: p.addresses, Now: s.now})
	api := s.api(bosPrefix, "BOS")
	bos.Register(api, service)
	s.bos = service
	c := operators.Config{Service: service, Hub: s.hub, Inventory: clients.Inventory(p.hsm), Power: clients.Power(p.pcs),
		BootParameters: clients.BootParameters(p.bss), Configurations: clients.Configurations(s.client("CFS", cfsPrefix, "")),
		Audit: s.audit, ConfigurationTable: cfs.ComponentsTable, PollForeign: s.config.PCS != "", Now: s.now}
	if s.config.PCS == "" {
		c.PowerTable, c.TransitionTable = pcs.StatusTable, pcs.TransitionTable
	}
	if s.config.HSM == "" {
		c.InventoryTable = hsm.ComponentsTable
	}
	s.measureBOS(service)
	s.planner = plan.New(plan.Config{DB: s.db, Sessions: service, Inventory: c.Inventory, Objects: service.Objects, Power: c.Power, Configurations: c.Configurations,
		Layers: clients.Layers{Get: clients.GetFrom(s.client("CFS", cfsPrefix, ""))}, Images: imageNames(p.ims), Now: s.now})
	ops := operators.New(c)
	s.measureWork(ops)
	ops.Start(context.WithoutCancel(ctx))
	s.onStop(ops.Stop)
	s.startTraces(ctx, service)
	return s.startBOS1(ctx, api, service)
}

// imageNames asks IMS.
func imageNames(c *ims.Client) func(context.Context) (ims.Names, error) {
	return func(ctx context.Context) (ims.Names, error) {
		list, err := c.Images(ctx)
		names := make(ims.Names, len(list))
		for i := range list {
			if list[i].Link != nil {
				names.Add(list[i].Link.Path, list[i].Name)
			}
		}
		return names, err
	}
}

// startBOS1 adds version 1, whose sessions agents carry out.
func (s *Server) startBOS1(ctx context.Context, api huma.API, service *bos.Service) error {
	executor, err := s.agentsExecutor()
	if err != nil {
		return err
	}
	first := v1.NewService(v1.Config{DB: s.db, BOS: service, Journal: s.journal, Hub: s.hub, Records: executor, Stopping: s.stopping, Now: s.now})
	s.agents = first
	v1.Register(api, first)
	if err := s.openJobs(ofAgents, executor); err != nil {
		return err
	}
	agents := v1.NewAgents(first, executor, s.hub)
	agents.Start(context.WithoutCancel(ctx))
	s.onStop(agents.Stop)
	return nil
}

// agentsExecutor is what runs agents: local child processes, or Jobs.
func (s *Server) agentsExecutor() (*boa.Executor, error) {
	dir := s.path(ofAgents)
	if s.config.Executor == executorKubernetes {
		return s.kubernetesAgents(dir)
	}
	settings := s.agentSettings(s.localURL(), s.platform.s3Local)
	settings.CABundle = s.config.TLS.Bundle
	return boa.NewExecutor(boa.Config{Dir: dir, Program: s.opts.Agent, Settings: settings, Token: s.agentToken, Credentials: s.agentCredentials, Succession: s.succession()})
}

func (s *Server) agentToken(o v1.Order) string { return s.jobToken(auth.Agent, o.Session, "") }

// agentSettings are those of agents that reach the gateway and the object store
// by these URLs.
func (s *Server) agentSettings(gateway, store string) boa.Settings {
	at := func(prefix, external string) string { return cmp.Or(external, gateway+prefix) }
	return boa.Settings{Gateway: gateway, BOS: at(bosPrefix, ""), CFS: at(cfsPrefix+"/v2", ""), CAPMC: at(capmcPrefix+"/v1", ""),
		HSM: at(hsmPrefix, s.config.forJobs(s.config.HSM)), BSS: at(bssPrefix, s.config.forJobs(s.config.BSS)),
		S3: store, Orphan: s.config.JobOrphan}
}
