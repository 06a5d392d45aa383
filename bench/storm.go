package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/sim"
)

const (
	// stormAtOnce is how many nodes ask at the same moment, each on a connection
	// of its own: more than the server lets wait.
	stormAtOnce = 6000
	// calmLooks is how often each call of an administrator is made at rest.
	calmLooks = 300
	// calls to BMCs leave connections that are kept for so long.
	bmcsForget = 80 * time.Second
)

// storm has n nodes that run boot again at the same moment, as after a failure
// of the power: each asks for its script, its artifacts and its key and reports
// to HSM, BOS and CFS, until all have got through. An administrator's calls
// meanwhile are compared with the same at rest.
func storm(n int) func(context.Context, *bench) error {
	return func(ctx context.Context, b *bench) error {
		return b.onEach(ctx, n, setup{atOnce: stormAtOnce}, func(l *lab) (row, error) { return l.storm(ctx) })
	}
}

func (l *lab) storm(ctx context.Context) (row, error) {
	r := row{name: fmt.Sprintf("storm-%d", l.nodes), build: l.build.name, goal: "p99 of an administrator's calls at most 10x of at rest"}
	if err := l.prepare(ctx); err != nil {
		return r, err
	}
	if _, err := l.session(ctx, "boot"); err != nil {
		return r, err
	}
	if err := l.until(ctx, "all nodes have reported", l.allReported); err != nil {
		return r, err
	}
	select {
	case <-ctx.Done():
		return r, ctx.Err()
	case <-time.After(bmcsForget):
	}
	a, err := newAdministrator(ctx, l.api.Base)
	if err != nil {
		return r, err
	}
	calm := looks{}
	for range calmLooks {
		if err := a.look(ctx, calm); err != nil {
			return r, err
		}
	}
	return l.stormy(ctx, r, a, calm)
}

// stormy is the storm itself.
func (l *lab) stormy(ctx context.Context, r row, a *administrator, calm looks) (row, error) {
	stop, err := l.profile(r.name)
	if err != nil {
		return r, err
	}
	before, err := l.look()
	if err != nil {
		return r, err
	}
	first, err := l.fleet.counters()
	if err != nil {
		return r, err
	}
	began := time.Now()
	if err := l.fleet.Ask("power failure", nil, nil); err != nil {
		return r, err
	}
	busy := looks{}
	var most uint64
	var last sim.Counters
	for over := false; !over; {
		if err := a.look(ctx, busy); err != nil {
			return r, err
		}
		now, err := l.server.Resident()
		if err != nil {
			return r, err
		}
		most = max(most, now)
		if last, err = l.fleet.counters(); err != nil {
			return r, err
		}
		over = last.Reported == l.nodes
	}
	took := time.Since(began)
	after, err := l.look()
	if err != nil {
		return r, err
	}
	if err := stop(); err != nil {
		return r, err
	}
	r.add("seconds", took.Seconds())
	r.add("own_cpu_ms_per_node", after.minus(before).own.CPU.Seconds()*1000/float64(l.nodes))
	r.add("requests_per_node", float64(last.Requests-first.Requests)/float64(l.nodes))
	r.add("sent_away_per_node", float64(last.Refused-first.Refused)/float64(l.nodes))
	r.add("failed", float64(last.Failed-first.Failed))
	if last.Failed > first.Failed {
		slog.Warn("a node's request failed", "last", last.LastFailure)
	}
	for _, name := range slices.Sorted(maps.Keys(calm)) {
		r.add(name+"_p99_ms_at_rest", calm.p99(name))
		r.add(name+"_p99_ms", busy.p99(name))
		r.add(name+"_p99_ratio", busy.p99(name)/calm.p99(name))
	}
	r.add("looks", float64(len(busy["status"])))
	r.add("most_resident_mb", float64(most)/1e6)
	return r, nil
}

func (l *lab) allReported() (bool, error) {
	c, err := l.fleet.counters()
	return c.Reported == l.nodes, err
}

// looks are the times that calls took, by their names.
type looks map[string][]time.Duration

func (l looks) p99(name string) float64 {
	sorted := slices.Sorted(slices.Values(l[name]))
	return sorted[(len(sorted)*99+99)/100-1].Seconds() * 1000
}

// administrator makes the calls of somebody who wants to know what goes on.
type administrator struct {
	api     *httpapi.Client
	session string // one that has all nodes
	node    string
}

func newAdministrator(ctx context.Context, base string) (*administrator, error) {
	a := &administrator{api: httpapi.NewClient("Drover", base, nil), node: "x1000c0s0b0n0"}
	a.api.Retries = 0 // to be sent away is a failure
	var sessions []struct{ Name string }
	if _, err := a.api.Do(ctx, http.MethodGet, "/apis/bos/v2/sessions", nil, nil, &sessions); err != nil {
		return nil, err
	}
	a.session = sessions[0].Name
	return a, nil
}

// look makes each call once: a page of a list, a session of one node that is
// only staged and deleted again, the status of the session that has all nodes.
func (a *administrator) look(ctx context.Context, into looks) error {
	call := func(name, method, path string, in, out any) error {
		began := time.Now()
		_, err := a.api.Do(ctx, method, path, nil, in, out)
		if name != "" {
			into[name] = append(into[name], time.Since(began))
		}
		return err
	}
	if err := call("list", http.MethodGet, "/apis/cfs/v3/components?limit=1000", nil, nil); err != nil {
		return err
	}
	var s struct{ Name string }
	if err := call("post", http.MethodPost, "/apis/bos/v2/sessions",
		map[string]any{"operation": "boot", "template_name": "t", "limit": a.node, "stage": true}, &s); err != nil {
		return err
	}
	if err := call("", http.MethodDelete, "/apis/bos/v2/sessions/"+s.Name, nil, nil); err != nil {
		return err
	}
	return call("status", http.MethodGet, "/apis/bos/v2/sessions/"+a.session+"/status", nil, nil)
}
