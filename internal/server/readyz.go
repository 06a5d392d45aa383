package server

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// writeEvery is the time for which is known whether something can be written.
const writeEvery = 3 * time.Second

// writing tells whether something can be written, by writing it, at most once each
// writeEvery; who asks in between gets what the last write came to.
type writing struct {
	turn chan struct{} // has room for who writes
	now  func() time.Time
	at   time.Time // of the end of the last write; zero before the first
	err  error     // of it
}

func newWriting(now func() time.Time) *writing {
	return &writing{turn: make(chan struct{}, 1), now: now}
}

// try is the error of the last write, which it does if that was too long ago.
func (w *writing) try(ctx context.Context, write func(context.Context) error) error {
	select {
	case w.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-w.turn }()
	if w.at.IsZero() || w.now().Sub(w.at) >= writeEvery {
		// Who asked may be gone before it ends; the others are told what it came to.
		w.err = write(context.WithoutCancel(ctx))
		w.at = w.now()
	}
	return w.err
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	err := s.db.Ping(r.Context())
	if err == nil {
		err = s.writing.try(r.Context(), s.db.TryWrite)
	}
	if err == nil {
		err = s.audit.Ready(r.Context())
	}
	if err == nil {
		err = s.platform.objects.Ready(r.Context())
	}
	switch {
	case err != nil:
		httpapi.WriteProblem(w, fault.New(fault.Unavailable, "not ready: %w", err))
	case !s.ready.Load():
		httpapi.WriteProblem(w, fault.New(fault.Unavailable, "not ready: still starting"))
	default:
		fmt.Fprintln(w, "ok")
	}
}
