package sim

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/drover-hpc/drover/internal/node"
)

// report starts the reporters of a node that is up. One that got through
// before the fleet was restarted is not repeated: to CFS it would say that the
// node lost its configuration.
func (n *Node) report(l *life, sys *system) {
	n.mu.Lock()
	silent, told := n.faults().Silent, sys.Told
	n.mu.Unlock()
	switch {
	case silent:
		return
	case sys.Xname == "":
		n.remark("reports to nobody: no xname= on the kernel command line")
		return
	}
	r := &reporter{n: n, l: l, sys: sys,
		agent: n.agent(node.Identity{Xname: sys.Xname, Token: sys.Token, Update: sys.Update})}
	if !told.HSM {
		r.insist(0, "HSM", node.RetryWait, r.agent.ReportReady, func() { r.told(func(t *reached) { t.HSM = true }) })
	}
	without := n.fleet.opts.Without
	switch {
	case slices.Contains(without, "bos"):
	case told.BOS:
		r.repeat(true)
	default:
		r.insist(0, "BOS", node.RetryWait, r.agent.ReportBOS, func() {
			r.told(func(t *reached) { t.BOS = true })
			r.repeat(true)
		})
	}
	if !told.CFS && !slices.Contains(without, "cfs") {
		r.insist(0, "trust", node.TrustWait, r.trust, func() {
			r.insist(0, "CFS", node.RetryWait, r.agent.ReportCFS, func() { r.told(func(t *reached) { t.CFS = true }) })
		})
	}
}

// reported tells whether all who are to be told have been.
func (n *Node) reported() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	sys, without := n.state.System, n.fleet.opts.Without
	return sys != nil && sys.Told.HSM && (sys.Told.BOS || slices.Contains(without, "bos")) && (sys.Told.CFS || slices.Contains(without, "cfs"))
}

// reporter is the reporting of one life.
type reporter struct {
	n     *Node
	l     *life
	sys   *system
	agent *node.Agent
}

// insist tries, for the try-th time, and again after the pauses until it works;
// then it goes on with then.
func (r *reporter) insist(try int, what string, pause func(int) time.Duration, call func(context.Context) error, then func()) {
	err := call(r.l.ctx)
	switch {
	case err == nil:
		if try > 0 {
			r.n.remark(fmt.Sprintf("%s answered try no. %d", what, try+1))
		}
		then()
	case r.l.ctx.Err() == nil:
		if try == 0 {
			r.n.remark("will try again: " + err.Error())
		}
		r.n.later(r.l, max(r.n.paced(pause(try+1)), node.ComeBack(err)), func() { r.insist(try+1, what, pause, call, then) })
	}
}

// repeat reports to BOS periodically; the first interval is a random part of
// the period, so that nodes that booted together spread.
func (r *reporter) repeat(first bool) {
	period := r.agent.BOSPeriod()
	if first {
		period = time.Duration(float64(period) * r.n.fleet.random())
	}
	r.n.later(r.l, period, func() {
		r.insist(0, "BOS", node.RetryWait, r.agent.ReportBOS, func() { r.repeat(false) })
	})
}

// trust learns whose certificates open the node.
func (r *reporter) trust(ctx context.Context) error {
	key, err := r.agent.FetchTrust(ctx)
	if err != nil {
		return err
	}
	return r.change(func(s *system) { s.Trusted = key })
}

// told remembers that a report got through.
func (r *reporter) told(mark func(*reached)) {
	r.change(func(s *system) { mark(&s.Told) }) //nolint:errcheck // of no interest once the node is off
}

// change records something about the running system, unless it runs no more.
func (r *reporter) change(alter func(*system)) error {
	r.n.mu.Lock()
	defer r.n.mu.Unlock()
	if r.n.state.System != r.sys {
		return errOver
	}
	alter(r.sys)
	r.n.save()
	return nil
}
