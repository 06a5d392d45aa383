package pcs_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/pcs"
	"github.com/drover-hpc/drover/internal/redfish"
	"github.com/drover-hpc/drover/internal/store"
)

// scripted is the BMC of a few nodes, whose answers to the next calls are drawn.
type scripted struct {
	pcs.BMC // for what these tests do not call
	mu      sync.Mutex
	power   map[string]string
	faults  []string // of the next calls: "", busy, lost, deaf, kill
	log     []taken  // the BMC's own record
	dead    chan struct{}
	kill    func()
}

// taken is a request that had its effect.
type taken struct{ node, resetType string }

func (b *scripted) next() string {
	if len(b.faults) == 0 {
		return ""
	}
	f := b.faults[0]
	b.faults = b.faults[1:]
	return f
}

var errCut = errors.New("connection reset by peer")

// call answers one request, which has its effect in do.
func (b *scripted) call(do func()) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.dead: // the process is no more: nothing of it arrives
		return errCut
	default:
	}
	switch b.next() {
	case "busy":
		return &redfish.Error{Status: 503, Method: "X", Path: "/"}
	case "deaf":
		return errCut
	case "lost":
		do()
		return errCut
	case "kill before":
		b.kill()
		return errCut
	case "kill after":
		do()
		b.kill()
		return errCut
	}
	do()
	return nil
}

func (b *scripted) PowerState(_ context.Context, _ string, _ redfish.Login, x string) (word string, err error) {
	err = b.call(func() { word = b.power[x] })
	return word, err
}

func (b *scripted) Reset(_ context.Context, _ string, _ redfish.Login, x, resetType string) error {
	return b.call(func() {
		b.log = append(b.log, taken{x, resetType})
		b.power[x] = "Off"
		if resetType == "On" {
			b.power[x] = "On"
		}
	})
}

func (b *scripted) ResetTypes(context.Context, string, redfish.Login, string, string) ([]string, error) {
	return nil, nil
}

func (b *scripted) logged() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.log)
}

// asked is a transition of one node, with the places in the BMC's record
// between which its requests must be.
type asked struct {
	id, node, op string
	after, told  int // told: -1 as long as its end was not
}

func (a *asked) mayHaveSent(at int, e taken) bool {
	on := e.resetType == "On"
	return a.node == e.node && a.after <= at && (a.told < 0 || at < a.told) && on == (a.op == "On")
}

// play is one schedule: transitions, faults of the BMC, and kills.
type play struct {
	t       *rapid.T
	path    string
	bmc     *scripted
	site    *site
	service *pcs.Service
	db      *store.DB
	asked   []*asked
}

func (p *play) fatal(err error) {
	if err != nil {
		p.t.Fatal(err)
	}
}

// start starts a server, whose killAfter-th write of tasks is its last. The
// reservations of the one before have ended by themselves.
func (p *play) start(killAfter int) {
	p.site.with(func() { clear(p.site.keys) })
	dead := make(chan struct{})
	var once sync.Once
	var db *store.DB
	kill := func() { once.Do(func() { close(dead); go db.Close() }) }
	p.bmc.mu.Lock()
	p.bmc.dead, p.bmc.kill = dead, kill
	p.bmc.mu.Unlock()
	hub := events.NewHub()
	var err error
	db, err = store.Open(context.Background(), p.path, func(table string, keys []string) {
		if table == "pcs_tasks" {
			if killAfter--; killAfter == 0 {
				kill()
			}
		}
		hub.Changed(table, keys)
	})
	p.fatal(err)
	p.db = db
	p.service = pcs.NewService(pcs.Config{DB: db, Journal: journal.New(db, time.Now), Hub: hub, Inventory: p.site, Credentials: p.site,
		BMC: p.bmc, Locks: p.site, PollEvery: time.Hour, Random: func() float64 { return 0 }})
	p.fatal(p.service.Start(context.Background()))
}

func (p *play) isDead() bool {
	p.bmc.mu.Lock()
	defer p.bmc.mu.Unlock()
	select {
	case <-p.bmc.dead:
		return true
	default:
		return false
	}
}

// end lets the server go: a dead one writes nothing more.
func (p *play) end() {
	if p.isDead() {
		p.db.Close()
	}
	p.service.Stop()
	p.db.Close()
}

// look notes which transitions are told to be over.
func (p *play) look() (open int) {
	for _, a := range p.asked {
		if a.told >= 0 {
			continue
		}
		tr, err := p.service.Describe(context.Background(), a.id)
		if err == nil && tr.TransitionStatus.Done() {
			a.told = p.bmc.logged()
		} else {
			open++
		}
	}
	return open
}

func (p *play) until(what string, holds func() bool) {
	for deadline := time.Now().Add(20 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			p.t.Fatalf("never: %s", what)
		}
		<-time.After(time.Millisecond)
	}
}

// judge reads the BMC's own record.
func (p *play) judge() {
	log := p.bmc.log
	senders := make([][]int, len(log)) // indexes of asked
	for at, e := range log {
		for i, a := range p.asked {
			if a.mayHaveSent(at, e) {
				senders[at] = append(senders[at], i)
			}
		}
		if len(senders[at]) == 0 {
			p.t.Fatalf("request %d, %v, was sent for no transition whose end is not told: %v", at, e, log)
		}
		for before := range at {
			o := log[before]
			if o.node == e.node && o.resetType == "On" && e.resetType != "On" && slices.Max(senders[at]) < slices.Min(senders[before]) {
				p.t.Fatalf("%v after a later transition's on: %v", e, log)
			}
		}
	}
}

// Over any schedule of lost answers, busy BMCs and kills: no request is sent
// for a transition that was told to be over, none goes off after a later
// transition's on, and every transition ends.
func TestNoScheduleRepeatsARequestOrTurnsOffAfterALaterOn(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		p := &play{t: rt, path: filepath.Join(dir, strconv.Itoa(n)),
			bmc:  &scripted{power: map[string]string{}},
			site: &site{endpoints: map[string]hsm.ComponentEndpoint{}, locks: newLocks()}}
		for _, x := range []string{n0, n1} {
			p.bmc.power[x] = rapid.SampledFrom([]string{"On", "Off"}).Draw(rt, x)
			p.site.endpoints[x] = hsm.ComponentEndpoint{ID: x, OdataID: x, RedfishEndpointID: x, RedfishSystemInfo: &hsm.RedfishSystemInfo{
				Actions: &hsm.SystemActions{Reset: hsm.ResetAction{Target: x, AllowableValues: nodeResets}}}}
		}
		fault := rapid.SampledFrom([]string{"", "", "", "", "busy", "lost", "deaf", "kill before", "kill after"})
		p.start(rapid.IntRange(1, 12).Draw(rt, "kill at write"))
		p.until("polled", func() bool {
			list, err := p.service.PowerStatuses(context.Background(), pcs.Filter{})
			return err == nil && len(list) == 2
		})
		p.bmc.mu.Lock()
		p.bmc.faults = rapid.SliceOfN(fault, 0, 12).Draw(rt, "faults")
		p.bmc.mu.Unlock()
		for range rapid.IntRange(1, 4).Draw(rt, "transitions") {
			p.ask(rapid.SampledFrom([]pcs.Operation{pcs.On, pcs.SoftOff, pcs.Off, pcs.ForceOff}).Draw(rt, "operation"),
				rapid.SampledFrom([]string{n0, n1}).Draw(rt, "node"))
			if rapid.Bool().Draw(rt, "wait") {
				p.until("over, or killed", func() bool { return p.look() == 0 || p.isDead() })
			}
			if p.isDead() {
				p.end()
				p.start(rapid.IntRange(1, 12).Draw(rt, "kill at write"))
			}
		}
		for range 20 { // kills that are left
			p.until("over, or killed", func() bool { return p.look() == 0 || p.isDead() })
			if !p.isDead() {
				break
			}
			p.end()
			p.start(-1)
		}
		p.end()
		p.judge()
	})
}

func (p *play) ask(op pcs.Operation, node string) {
	a := &asked{node: node, op: string(op), after: p.bmc.logged(), told: -1}
	tr, err := p.service.Begin(context.Background(), op, []pcs.Location{{Xname: node}}, 5)
	if err != nil { // killed before it was written
		return
	}
	a.id = tr.TransitionID
	p.asked = append(p.asked, a)
}
