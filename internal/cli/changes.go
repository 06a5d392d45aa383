package cli

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/cli/derive"
)

// changes receives when the events at the path tell that something changed, until ctx
// is done, whichever servers answer meanwhile. It is closed if there are no events.
func (g *gateway) changes(ctx context.Context, path string) <-chan struct{} {
	out := make(chan struct{}, 1)
	go func() {
		defer close(out)
		for known := false; ctx.Err() == nil; known = true {
			resp, err := g.stream(ctx, path)
			switch {
			case err == nil:
				pass(resp, out)
			case !known:
				return
			}
			select { // the server ends; the next one goes on
			case <-ctx.Done():
			case <-time.After(logRetry):
			}
		}
	}()
	return out
}

// pass tells of each event of the stream until its end.
func pass(stream *http.Response, out chan<- struct{}) {
	defer stream.Body.Close()
	for lines := bufio.NewScanner(stream.Body); lines.Scan(); {
		if !strings.HasPrefix(lines.Text(), "data:") {
			continue
		}
		select {
		case out <- struct{}{}:
		default: // one is waiting already
		}
	}
}

// stream opens a stream of events, which no time limit ends.
func (g *gateway) stream(ctx context.Context, path string) (*http.Response, error) {
	resp, err := g.endless().send(ctx, "", &derive.Request{Method: http.MethodGet, Path: path,
		Header: http.Header{"Accept": {"text/event-stream"}}})
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, errors.New("no stream of events")
	}
	return resp, nil
}

// endless is the gateway without a limit to how long an answer takes.
func (g *gateway) endless() *gateway {
	out := *g
	out.http = &http.Client{Transport: g.http.Transport}
	return &out
}
