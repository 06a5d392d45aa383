package server

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
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/renameio/v2"

	"github.com/drover-hpc/drover/internal/admission"
	"github.com/drover-hpc/drover/internal/audit"
	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/plan"
	v1 "github.com/drover-hpc/drover/internal/bos/v1"
	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/job/kubernetes"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/metrics"
	"github.com/drover-hpc/drover/internal/s3"
	"github.com/drover-hpc/drover/internal/seal"
	"github.com/drover-hpc/drover/internal/sim"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/lead"
	"github.com/drover-hpc/drover/internal/traces"
	"github.com/drover-hpc/drover/internal/vcs"
	"github.com/drover-hpc/drover/internal/virtual"
)

// Version is that of the program, which the linker sets; the services report it as theirs.
var Version = "0.1.0"

// Options replace parts of a server, for tests and benchmarks.
type Options struct {
	// Executor runs CFS sessions instead of local child processes.
	Executor cfs.Executor
	// Program starts a step of a session: by default this binary and "aee".
	Program []string
	// Agent starts an agent of BOS v1: by default this binary and "boa".
	Agent []string
	// NoResync leaves out the periodic looks at everything that make up for lost
	// hints.
	NoResync bool
	// CountLoopback has connections of this machine be bounded as those of others.
	CountLoopback bool
	// Fleet changes the simulated fleet's options before it starts.
	Fleet func(*sim.Options)
}

// Server is one running process of Drover.
type Server struct {
	config Config
	opts   Options
	now    func() time.Time

	mux     *http.ServeMux
	hub     *events.Hub
	db      *store.DB
	keys    *seal.Keys // nil until it is known that they fit, and as long as there are none
	journal *journal.Journal
	audit   *audit.Log
	metrics *metrics.Metrics
	// requests are counted from the beginning. entrances are those to which clients come.
	requests  *requestFigures
	entrances []entrance
	bos       *bos.Service
	cfs       *cfs.Service
	planner   *plan.Planner
	traces    *traces.Exporter // nil: nobody is told of sessions

	platform platform
	podJobs  []*kubernetes.Executor // whose pods report here
	fleet    *sim.Fleet             // nil without one
	virtual  *virtual.Fleet         // nil without one
	grouped  bool                   // the fleets' HSM groups exist

	listener net.Listener
	// nodeListener is that of nodes; nil: they come to the other. localListener is
	// that of this server's jobs; nil: likewise.
	nodeListener, localListener net.Listener
	debugListener               net.Listener // nil: no profiles are taken
	// site is nil until it is known, and where nobody is asked for a token. Requests
	// that are passed on look at it from the beginning.
	site   atomic.Pointer[auth.Site]
	tokens *auth.Tokens
	// authorities is the file of those that git and playbooks trust; empty: the
	// machine's.
	authorities string
	rules       *auth.Rules
	agents      *v1.Service
	door        *door
	crowd       *crowd
	lease       *lead.Lease // nil on a database of its own
	leads       time.Time   // since when
	http        *http.Server
	served      sync.WaitGroup
	stopping    chan struct{}
	working     context.Context // until it stops
	stopWork    context.CancelFunc
	ready       atomic.Bool
	writing     *writing
	stops       []func() // in the order of starting; Stop runs them backwards
}

// Start assembles and starts everything and returns when it answers. Whoever
// called Start calls Stop; a failed Start has stopped what it started.
func Start(ctx context.Context, c Config, o Options) (_ *Server, err error) {
	s := &Server{config: c, opts: o, now: time.Now, mux: http.NewServeMux(), hub: events.NewHub(), stopping: make(chan struct{}), rules: auth.NewRules(auth.Table)}
	s.writing = newWriting(s.now)
	s.door = newDoor(s.vouch, c.TLS.trust)
	s.working, s.stopWork = context.WithCancel(context.WithoutCancel(ctx))
	s.hub.NoResync = o.NoResync
	s.requests = newRequestFigures()
	s.registerMetrics()
	defer func() {
		if err != nil {
			err = s.whyAgain(err)
			s.Stop()
		}
	}()
	if err := privateData(c.Data); err != nil {
		return nil, err
	}
	unlock, err := lockData(c.Data)
	if err != nil {
		return nil, err
	}
	s.onStop(unlock)
	if err := s.listenForDebugging(); err != nil {
		return nil, err
	}
	if err := s.checkCage(); err != nil {
		return nil, err
	}
	os.Remove(filepath.Join(c.Data, "url")) //nolint:errcheck // usually not there
	if s.listener, err = net.Listen("tcp", c.Listen); err != nil {
		return nil, fault.New(fault.Unavailable, "listen on %s: %w", c.Listen, err)
	}
	s.onStop(func() { s.listener.Close() })
	if err := s.listenForNodes(); err != nil {
		return nil, err
	}
	if err := s.listenForJobs(); err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{
		s.join, s.openFleet, s.openVirtual, s.openStore, s.openAuth, s.openAuthorities, s.startPlatform, s.startCFS, s.startBOS, s.serve, s.startFleets, s.announce,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Objects is a client of the object store.
func (s *Server) Objects() *s3.Client { return s.platform.objects }

// StoreStats is what the database was made to do so far.
func (s *Server) StoreStats() store.Stats { return s.db.Stats() }

// Fleet is the simulated fleet, nil without one.
func (s *Server) Fleet() *sim.Fleet { return s.fleet }

// Stop ends everything in the reverse order of starting. Sessions that run
// go on; the next start takes them up.
func (s *Server) Stop() {
	s.ready.Store(false)
	s.stopWork()
	slices.Reverse(s.stops)
	for _, stop := range s.stops {
		stop()
	}
	s.stops = nil
}

func (s *Server) onStop(stop func()) { s.stops = append(s.stops, stop) }

func (s *Server) openStore(ctx context.Context) (err error) {
	if err := s.config.expectDatabase(ctx); err != nil {
		return err
	}
	if s.keys, err = s.config.SecretKey.openOrMake(ctx, s.config.database(), s.config.Data); err != nil {
		return err
	}
	db, err := store.Open(ctx, s.config.database(), s.hub.Changed, store.Sealed(s.keys))
	if err != nil {
		return err
	}
	s.db = db
	db.Guard(s.may)
	s.onStop(func() { db.Close() })
	s.measureStore()
	if err := s.noteDatabase(); err != nil {
		return err
	}
	s.journal = journal.New(db, s.now)
	s.journal.Limits = journal.Limits{Age: s.config.JournalKeep, Size: s.config.JournalSize << 20}
	s.audit = audit.New(db, s.now)
	s.audit.Limits = audit.Limits{Age: s.config.AuditKeep, Size: s.config.AuditSize << 20}
	s.audit.NodeAt = s.nodeAt
	s.measureRecords()
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	var written sync.WaitGroup
	written.Go(func() { s.journal.Run(running) })
	written.Go(func() { s.audit.Run(running) })
	s.onStop(func() { stop(); written.Wait() })
	return nil
}

// api returns the API of a service below its gateway prefix.
func (s *Server) api(prefix, title string) huma.API {
	return httpapi.NewBounded(s.mux, prefix, title, Version, s.config.Limits.bulkBody())
}

// client returns a client of the service below prefix: the embedded one in
// memory, or the one at the external URL.
func (s *Server) client(service, prefix, external string) *httpapi.Client {
	if external != "" {
		return httpapi.NewClient(service, external, s.leading(s.outward(external)))
	}
	c := httpapi.NewClient(service, "http://drover"+prefix, httpapi.Local(s.mux))
	c.HTTP.Timeout = 0 // in memory nothing gets lost; bulk calls take their time
	return c
}

func (s *Server) serve(context.Context) error {
	s.mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	s.mux.HandleFunc("GET /readyz", s.readyz)
	s.mux.HandleFunc("GET /apis/drover/v1/sessions/{name}/events", changeEvents(s.hub, s.stopping, watched...))
	s.mux.HandleFunc("GET /apis/drover/v1/nodes/events", changeEvents(s.hub, s.stopping, rosterTables...))
	bodies := newBodies(s.config.Limits.bulkBody(), s.mux)
	front := httpapi.DotNames(s.gate(bodies))
	s.registerPages(front)
	native := s.api(nativePrefix, "Drover")
	registerNative(native, s.journal)
	bos.RegisterNative(native, s.bos)
	plan.Register(native, s.planner)
	cfs.RegisterNative(native, s.cfs)
	registerDeadEvents(native, s.cfs)
	vcs.Register(native, s.platform.repositories)
	registerConsole(native, s.platform.consoles)
	registerHealth(native, s.nodeServices(), s.now)
	registerRoster(native, s.rosterServices(), s.now)
	s.registerDoctor(native)
	auth.Register(native, s.tokens, s.rules)
	if err := s.passLogins(); err != nil {
		return err
	}
	audit.Register(native, s.audit)
	s.door.open(front)
	s.listen()
	s.measureDoors(s.crowd.gate, bodies.sentAway.Load)
	s.onStop(func() {
		close(s.stopping)
		s.closeListener()
	})
	return nil
}

// listen has the door answer, if it does not yet.
func (s *Server) listen() {
	if s.http != nil {
		return
	}
	gateway := believing{s.config.believed(), s.fromMember, certified{sameOrigin(s.denied, s.door)}}
	s.crowd = newCrowd(crowdLimits, gateway, s.now)
	outer := named{next: s.crowd, log: slog.Default(), now: s.now, count: s.requests.nodes()}
	administrators := outer
	administrators.next, administrators.count = called{names: s.config.ownNames(), member: s.fromMember, denied: s.denied, next: s.crowd}, s.requests.administrators()
	connections, peers := admission.NewConnections(admission.PerListener()), s.newPeers()
	s.enters(doorAdministrators, connections, peers)
	s.http = &http.Server{Handler: s.atBasePaths(arriving{bodyPace, seats{connections, peers, s.fromMember, asNodesDo, administrators}}), ReadHeaderTimeout: 30 * time.Second,
		IdleTimeout: unusedConnection, ConnState: connections.Note, ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug)}
	s.serveAt(over(connections.Listen(seeing{s.listener, peers}), s.config.TLS.pair))
	if s.localListener != nil {
		s.serveAt(seeing{s.localListener, nil})
	}
	s.onStop(s.closeListener)
	s.serveNodes(nodesOnly{s.rules, func(r *http.Request, err error) { gateway.forget(r); s.denied(r, err) }, outer}, s.http)
}

func (s *Server) serveAt(l net.Listener) {
	s.served.Go(func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			slog.Error("listener failed", "error", err)
		}
	})
}

// closeListener ends what the door leads to; it may be called again.
func (s *Server) closeListener() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		s.http.Close()
	}
	s.served.Wait()
}

// announce says that everything answers, and where.
func (s *Server) announce(context.Context) error {
	s.ready.Store(true)
	return s.tellURL()
}

// tellURL tells the command line of this machine where this server is.
func (s *Server) tellURL() error {
	file := filepath.Join(s.config.Data, "url")
	s.onStop(func() { os.Remove(file) })
	return renameio.WriteFile(file, []byte(s.URL()+"\n"), 0o644)
}
