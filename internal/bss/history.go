package bss

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/store"
)

// EndpointAccess tells when a host last asked an endpoint.
type EndpointAccess struct {
	Name      string `json:"name" example:"x1000c0s0b0n0" doc:"xname of the host"`
	Endpoint  string `json:"endpoint" example:"bootscript" doc:"What it asked for: bootscript or user-data"`
	LastEpoch int64  `json:"last_epoch" doc:"When, in seconds since 1970; 0 is never"`
}

// The endpoints whose use is remembered.
const (
	bootscriptEndpoint = "bootscript"
	userDataEndpoint   = "user-data"
)

// historyFlush is the time between two writes of the history.
const historyFlush = time.Second

// history remembers who asked when. It collects in memory and writes many at a
// time; a killed process may lose the last second.
type history struct {
	table *store.Table[EndpointAccess]
	now   func() time.Time

	flushing sync.Mutex // who waits for it finds what was pending written

	mu      sync.Mutex
	pending map[string]EndpointAccess

	writer *events.Loop
}

func newHistory(db *store.DB, now func() time.Time) *history {
	return &history{now: now, pending: map[string]EndpointAccess{},
		table: store.NewTable(db, store.Spec[EndpointAccess]{
			Name: "bss_endpoint_history", Kind: "Endpoint access",
			Key: func(a *EndpointAccess) string { return a.Name + "/" + a.Endpoint }})}
}

func (h *history) note(name, endpoint string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pending[name+"/"+endpoint] = EndpointAccess{Name: name, Endpoint: endpoint, LastEpoch: h.now().Unix()}
}

// list returns what is known of the host (empty: of all) and endpoint (empty:
// of both). A host and endpoint that were never used have one entry with time
// 0.
func (h *history) list(ctx context.Context, name, endpoint string) ([]EndpointAccess, error) {
	out := []EndpointAccess{}
	if endpoint != "" && endpoint != bootscriptEndpoint && endpoint != userDataEndpoint {
		return out, nil
	}
	if err := h.flush(ctx); err != nil {
		return nil, err
	}
	q := store.Query{}
	switch {
	case endpoint != "":
		q.Keys = []string{name + "/" + endpoint}
	case name != "":
		q.Prefix = name + "/"
	}
	found, err := h.table.List(ctx, q)
	if err == nil && len(found) == 0 && endpoint != "" {
		found = append(found, EndpointAccess{Name: name, Endpoint: endpoint})
	}
	return append(out, found...), err
}

func (h *history) flush(ctx context.Context) error {
	h.flushing.Lock()
	defer h.flushing.Unlock()
	h.mu.Lock()
	batch := make([]EndpointAccess, 0, len(h.pending))
	for _, a := range h.pending {
		batch = append(batch, a)
	}
	h.pending = map[string]EndpointAccess{}
	h.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	return h.table.Put(ctx, batch...)
}

// start has accesses written now and then until stop.
func (h *history) start(ctx context.Context) {
	h.writer = &events.Loop{Name: "bss endpoint history", Resync: func() time.Duration { return historyFlush },
		Run: func(ctx context.Context, _ events.Wake) error { return h.flush(context.WithoutCancel(ctx)) }}
	h.writer.Start(ctx)
}

// stop ends the writing and writes the rest.
func (h *history) stop() {
	if h.writer == nil {
		return
	}
	h.writer.Stop()
	if err := h.flush(context.Background()); err != nil {
		slog.Error("endpoint history lost", "error", err)
	}
}
