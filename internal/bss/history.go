package bss

import (
	"context"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/batch"
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

// history remembers who asked when. A killed process may lose the last second.
type history struct {
	accesses *accessLog
	now      func() time.Time
	recent   batch.Writer[string, EndpointAccess]

	writing sync.WaitGroup
	cancel  context.CancelFunc
}

func newHistory(db *store.DB, now func() time.Time) *history {
	h := &history{now: now, accesses: newAccessLog(db)}
	h.recent.What, h.recent.Every, h.recent.Write = "accesses to endpoints", historyFlush, h.accesses.add
	return h
}

func (a *EndpointAccess) key() string { return a.Name + "/" + a.Endpoint }

func (h *history) note(name, endpoint string) {
	a := EndpointAccess{Name: name, Endpoint: endpoint, LastEpoch: h.now().Unix()}
	h.recent.Put(a.key(), a)
}

// list returns what is known of the host (empty: of all) and endpoint (empty:
// of both). A host and endpoint that were never used have one entry with time
// 0.
func (h *history) list(ctx context.Context, name, endpoint string) ([]EndpointAccess, error) {
	out := []EndpointAccess{}
	if endpoint != "" && endpoint != bootscriptEndpoint && endpoint != userDataEndpoint {
		return out, nil
	}
	if err := h.recent.Flush(ctx); err != nil {
		return nil, err
	}
	found, err := h.accesses.list(ctx, name)
	if err != nil {
		return nil, err
	}
	for _, a := range found {
		if endpoint == "" || a.Endpoint == endpoint {
			out = append(out, a)
		}
	}
	if len(out) == 0 && endpoint != "" {
		out = append(out, EndpointAccess{Name: name, Endpoint: endpoint})
	}
	return out, nil
}

// start has accesses written now and then until stop, which writes the rest.
func (h *history) start(ctx context.Context) {
	ctx, h.cancel = context.WithCancel(ctx)
	h.writing.Go(func() {
		h.accesses.shorten(ctx)
		h.recent.Run(ctx)
	})
}

func (h *history) stop() {
	if h.cancel != nil {
		h.cancel()
		h.writing.Wait()
	}
}
