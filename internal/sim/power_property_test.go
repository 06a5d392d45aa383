package sim

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/httpapi"
)

const (
	onDelay, offDelay, bootDelay = 5 * time.Second, 20 * time.Second, 60 * time.Second
)

// model is what a node should do, told by time stamps instead of timers.
type model struct {
	power   bmc.PowerState
	since   time.Time // of the power state
	restart bool
}

func (m *model) become(p bmc.PowerState, at time.Time) { m.power, m.since = p, at }

func (m *model) off(at time.Time) {
	m.become(bmc.Off, at)
	if m.restart {
		m.restart = false
		m.become(bmc.PoweringOn, at)
	}
}

func (m *model) advance(now time.Time) {
	for {
		switch {
		case m.power == bmc.PoweringOff && !now.Before(m.since.Add(offDelay)):
			m.off(m.since.Add(offDelay))
		case m.power == bmc.PoweringOn && !now.Before(m.since.Add(onDelay)):
			m.become(bmc.On, m.since.Add(onDelay))
		default:
			return
		}
	}
}

func (m *model) reset(kind string, now time.Time) {
	switch {
	case kind == "ForceOff":
		m.restart = false
		if m.power != bmc.Off {
			m.become(bmc.Off, now)
		}
	case m.power == bmc.Off && kind != "GracefulShutdown":
		m.become(bmc.PoweringOn, now)
	case kind == "ForceRestart":
		m.restart = true
		m.off(now)
	case kind == "GracefulShutdown" && m.power == bmc.On, kind == "GracefulRestart" && m.power == bmc.On:
		m.restart = kind == "GracefulRestart"
		m.become(bmc.PoweringOff, now)
	}
}

func (m *model) up(now time.Time) bool {
	return m.power == bmc.On && !now.Before(m.since.Add(bootDelay))
}

type step struct {
	reset string
	pause time.Duration
}

// Whatever a BMC is asked, and when: the node is where the model says.
func TestPowerFollowsTheModel(t *testing.T) {
	dir := t.TempDir()
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) step {
			return step{rapid.SampledFrom(bmc.ResetTypes).Draw(rt, "reset"),
				time.Duration(rapid.SampledFrom([]int{0, 1, 4, 5, 6, 19, 20, 25, 61, 90}).Draw(rt, "pause")) * time.Second}
		}), 1, 12).Draw(rt, "steps")
		run++
		var wrong string
		synctest.Test(t, func(t *testing.T) { wrong = follow(t, fmt.Sprintf("%s/%d", dir, run), steps) })
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
}

// follow returns the first difference between a node and the model.
func follow(t *testing.T, dir string, steps []step) string {
	f, err := New(Options{Nodes: 1, Dir: dir, Gateway: "http://gw", OnDelay: onDelay, OffDelay: offDelay, BootDelay: bootDelay,
		HTTP: &http.Client{Transport: httpapi.Local(http.HandlerFunc(answer))}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Stop()
	f.ctx, f.cancel = context.WithCancel(t.Context())
	f.clock.start(f.ctx)
	n, m := &f.nodes[0], &model{power: bmc.Off, since: time.Now()}
	for i, s := range steps {
		n.Reset(s.reset)
		m.reset(s.reset, time.Now())
		time.Sleep(s.pause)
		synctest.Wait()
		m.advance(time.Now())
		if n.PowerState() != m.power || (n.Phase() == PhaseUp) != m.up(time.Now()) {
			return fmt.Sprintf("after step %d of %v: node is %s, %s; want %s, up %v", i, steps, n.PowerState(), n.Phase(), m.power, m.up(time.Now()))
		}
	}
	return ""
}

func answer(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/bootscript"):
		io.WriteString(w, "#!ipxe\nkernel http://s3/kernel xname=x1000c0s0b0n0\nboot\n")
	case strings.HasSuffix(r.URL.Path, "/meta-data"):
		io.WriteString(w, `"ssh-ed25519 AAAA"`)
	}
}
