package server

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/vcs"
)

const (
	// leastTogether is the least that bodies may have that are read at the same moment, in
	// bytes: else two of the largest that operations take. In memory they are a few times
	// that.
	leastTogether = 64 << 20
	// smallBody is one that is not counted: what nodes send.
	smallBody = 4 << 10
	// unmeasured is the longest body whose length is not said before.
	unmeasured = 16 << 20
	// bodyPatience is how long one waits for those before it.
	bodyPatience = 10 * time.Second
)

// bodies lets in as many bodies as there is room for. What is pushed to a repository
// goes to git as it comes, and needs none.
type bodies struct {
	together int64
	room     *semaphore.Weighted
	patience time.Duration
	sentAway *atomic.Int64 // how many there was no room for
	next     http.Handler
}

func newBodies(largest int64, next http.Handler) bodies {
	together := max(2*largest, leastTogether)
	return bodies{together, semaphore.NewWeighted(together), bodyPatience, &atomic.Int64{}, next}
}

func (b bodies) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	size := min(r.ContentLength, b.together) // what is longer is refused by its operation
	if size >= 0 && size <= smallBody || strings.HasPrefix(r.URL.Path, vcs.Prefix) {
		b.next.ServeHTTP(w, r)
		return
	}
	if size < 0 {
		r.Body = httpapi.AtMost(r.Body, size, unmeasured, " where it does not say its length: send a Content-Length")
		size = unmeasured
	}
	ctx, cancel := context.WithTimeout(r.Context(), b.patience)
	err := b.room.Acquire(ctx, size)
	cancel()
	if err != nil {
		b.sentAway.Add(1)
		w.Header().Set("Retry-After", "5")
		httpapi.WriteProblem(w, fault.New(fault.Unavailable, "%s %s: bodies of %d MiB together are being read, and there is no room for another %d bytes: try again, or send less at once",
			r.Method, r.URL.Path, b.together>>20, size))
		return
	}
	defer b.room.Release(size)
	b.next.ServeHTTP(w, r)
}
