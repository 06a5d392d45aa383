package server

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"
)

// However many come at once, those that are read together are bounded, and who gets
// no room is told.
func TestBodiesThatAreReadTogetherAreBounded(t *testing.T) {
	const room, size, clients = 100 << 10, 30 << 10, 12
	var now, most atomic.Int64
	inside, goOn := make(chan struct{}, clients), make(chan struct{})
	b := bodies{room, semaphore.NewWeighted(room), 50 * time.Millisecond, &atomic.Int64{}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		for n := now.Add(r.ContentLength); ; {
			if old := most.Load(); n <= old || most.CompareAndSwap(old, n) {
				break
			}
		}
		inside <- struct{}{}
		<-goOn
		io.Copy(io.Discard, r.Body)
		now.Add(-r.ContentLength)
	})}
	codes := make(chan *httptest.ResponseRecorder, clients)
	for range clients {
		go func() {
			w := httptest.NewRecorder()
			b.ServeHTTP(w, httptest.NewRequest("PUT", "/apis/bos/v2/components", strings.NewReader(strings.Repeat("x", size))))
			codes <- w
		}()
	}
	refused := 0
	for range clients - room/size {
		w := <-codes
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		refused++
	}
	if n := b.sentAway.Load(); n != int64(refused) {
		t.Errorf("%d are counted as sent away, want %d", n, refused)
	}
	close(goOn)
	for range room / size {
		if w := <-codes; w.Code != http.StatusOK {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if len(inside) != room/size || most.Load() > room {
		t.Errorf("%d were let in with %d bytes, want %d", len(inside), most.Load(), room/size)
	}
	// What is small, or goes to git as it comes, needs no room.
	all := bodies{0, semaphore.NewWeighted(0), time.Millisecond, nil, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	for path, length := range map[string]int{"/apis/bos/v2/components": smallBody, "/vcs/cray/a.git/git-receive-pack": size} {
		w := httptest.NewRecorder()
		all.ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(strings.Repeat("x", length))))
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestABodyOfUnknownLengthIsBounded(t *testing.T) {
	var err error
	b := newBodies(0, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, err = io.Copy(io.Discard, r.Body) }))
	for length, refused := range map[int64]bool{unmeasured: false, unmeasured + 1: true} {
		r := httptest.NewRequest("PUT", "/apis/bos/v2/components", io.LimitReader(endless{}, length))
		r.ContentLength = -1
		b.ServeHTTP(httptest.NewRecorder(), r)
		if (err != nil) != refused {
			t.Errorf("%d bytes: %v", length, err)
		}
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
