package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/sim"
)

const (
	openSessions = 4 // at once, on overlapping nodes
	sessionEvery = time.Second
	faultEvery   = 500 * time.Millisecond
)

// storm has everything happen at once, for as long as the plan says.
func storm(ctx context.Context, c *cluster) error {
	ctx, end := context.WithTimeout(ctx, c.plan.time)
	defer end()
	source := func(n uint64) *rand.Rand { return rand.New(rand.NewPCG(c.plan.seed, n)) }
	var parts sync.WaitGroup
	var failed error
	parts.Go(func() { c.sessions(ctx, source(1)) })
	if c.plan.faults {
		c.tempers()
		parts.Go(func() { c.faults(ctx, source(2)) })
	}
	parts.Go(func() {
		defer end()
		failed = c.killing(ctx, source(3))
	})
	parts.Wait()
	return failed
}

// sessions keeps some open. A server that is down is asked again.
func (c *cluster) sessions(ctx context.Context, r *rand.Rand) {
	for pause(ctx, sessionEvery) == nil {
		open, err := c.bosSessions(ctx)
		if err != nil || count(open, func(s Session) bool { return s.Status != "complete" }) >= openSessions {
			continue
		}
		template, among := "plain", c.nodes[len(c.configured):]
		if len(among) == 0 || len(c.configured) > 0 && r.IntN(3) == 0 {
			template, among = "configured", c.nodes[:len(c.configured)]
		}
		operation := []string{"reboot", "reboot", "boot", "shutdown"}[r.IntN(4)]
		var limit []string
		for _, i := range r.Perm(len(among))[:1+r.IntN(max(1, len(among)/3))] {
			limit = append(limit, among[i].Xname())
		}
		c.post(ctx, fmt.Sprintf(`{"template_name":%q,"operation":%q,"limit":%q}`, template, operation, strings.Join(limit, ",")))
	}
}

func count[T any](list []T, is func(T) bool) (n int) {
	for _, item := range list {
		if is(item) {
			n++
		}
	}
	return n
}

// temper is what a node is like as long as the storm lasts: most are good.
func temper(place int) sim.Faults {
	switch {
	case place%17 == 3:
		return sim.Faults{IgnoreSoftOff: true}
	case place%23 == 5:
		return sim.Faults{NoSoftOff: true}
	case place%29 == 7:
		return sim.Faults{RefuseSoftOff: "The system does not take the request now.", RefuseStatus: http.StatusBadRequest}
	}
	return sim.Faults{}
}

func (c *cluster) tempers() {
	for i, n := range c.nodes {
		n.SetFaults(temper(i))
	}
}

// faults gives a random node a passing fault, again and again.
func (c *cluster) faults(ctx context.Context, r *rand.Rand) {
	for pause(ctx, faultEvery) == nil {
		i := r.IntN(len(c.nodes))
		f := temper(i)
		long := c.plan.spell/12 + time.Duration(r.Float64()*float64(c.plan.spell-c.plan.spell/12))
		switch r.IntN(6) {
		case 0:
			f.BusyReads = long
		case 1:
			f.BusyResets = long
		case 2:
			f.BusyReads, f.BusyResets = long, long
		case 3:
			f.Drop = 1 + r.IntN(2)
		case 4:
			f.DropResets = 1
		case 5:
			f.ConflictAfterOn = long / 6
		}
		if r.IntN(2) == 0 {
			f.RetryAfter = time.Duration(1+r.IntN(10)) * time.Second
		}
		c.nodes[i].SetFaults(f)
	}
}

// killing kills the server: as often as the plan says, at any moment soon after
// each start, or now and then until the time is over.
func (c *cluster) killing(ctx context.Context, r *rand.Rand) error {
	for n := 0; c.plan.kills == 0 || n < c.plan.kills; n++ {
		d := 10*time.Second + time.Duration(r.Float64()*float64(30*time.Second))
		if c.plan.kills > 0 {
			d = time.Duration(r.Float64() * float64(4*time.Second))
		}
		if pause(ctx, d) != nil {
			return nil
		}
		if err := c.kill(); err != nil {
			return err
		}
	}
	return nil
}

// calm takes all faults away.
func (c *cluster) calm() {
	for _, n := range c.nodes {
		n.SetFaults(sim.Faults{})
	}
}

// settled waits until every session is complete, or the plan's time is over:
// then the judge names those that are not.
func (c *cluster) settled(ctx context.Context) error {
	if err := c.ready(ctx); err != nil {
		return err
	}
	deadline := time.Now().Add(c.plan.settle)
	for time.Now().Before(deadline) {
		all, err := c.allSessions(ctx)
		if err == nil && count(all, func(s Session) bool { return s.Status != "complete" }) == 0 {
			return nil
		}
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) allSessions(ctx context.Context) ([]Session, error) {
	bos, err := c.bosSessions(ctx)
	if err != nil {
		return nil, err
	}
	var cfs struct {
		Sessions []struct {
			Name   string
			Status struct{ Session struct{ Status string } }
		}
	}
	if err := c.get(ctx, "/apis/cfs/v3/sessions?limit=100000", &cfs); err != nil {
		return nil, err
	}
	for _, s := range cfs.Sessions {
		bos = append(bos, Session{Service: "CFS", Name: s.Name, Status: s.Status.Session.Status})
	}
	return bos, nil
}

func (c *cluster) bosSessions(ctx context.Context) (all []Session, err error) {
	var list []struct {
		Name   string
		Status struct {
			Status string
			End    string `json:"end_time"`
		}
	}
	err = c.get(ctx, "/apis/bos/v2/sessions", &list)
	for _, s := range list {
		end, _ := time.Parse("2006-01-02T15:04:05", s.Status.End) // none while it runs
		all = append(all, Session{Service: "BOS", Name: s.Name, Status: s.Status.Status, End: end})
	}
	return all, err
}
