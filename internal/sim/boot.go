package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/bootline"
	"github.com/drover-hpc/drover/internal/node"
)

// firmwareRetry is the pause before a node whose network boot came to nothing
// begins anew.
const firmwareRetry = 30 * time.Second

// What bounds the fetching of a boot script.
const (
	maxScript     = 1 << 20
	scriptTimeout = 30 * time.Second
)

// boot begins a boot: memory is empty, the network card asks for an address.
func (n *Node) boot(l *life) {
	if err := n.emptyLayer(); err != nil {
		n.fleet.opts.Log.Error("cannot empty the layer of a simulated node", "node", n.xname, "error", err)
	}
	if n.bootTarget() == bmc.Disk {
		n.remark("nothing to boot: it was told to boot from its disk and has none")
		return
	}
	n.lease(l, 0)
	n.netboot(l, n.firstScript())
}

// bootTarget is where this boot is from; an override for one boot is used up.
func (n *Node) bootTarget() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	target, left := n.state.Boot.Next()
	if left != n.state.Boot {
		n.state.Boot = left
		n.save()
	}
	return target
}

// lease has HSM know the node's address, as the DHCP server sees to it.
func (n *Node) lease(l *life, try int) {
	server := n.agent(node.Identity{})
	server.Gateway, server.Bearer = cmp.Or(n.fleet.opts.Infrastructure, server.Gateway), n.fleet.opts.Network
	err := server.LeaseAddress(l.ctx, n.MAC(), n.Address())
	if err != nil && l.ctx.Err() == nil {
		n.remark("will try again: " + err.Error())
		n.later(l, max(n.paced(node.RetryWait(try+1)), node.ComeBack(err)), func() { n.lease(l, try+1) })
	}
}

func (n *Node) firstScript() string {
	return n.fleet.opts.Gateway + "/apis/bss/boot/v1/bootscript?mac=" + url.QueryEscape(n.MAC())
}

// netboot fetches and follows the boot script at the address, and the scripts
// that it chains to, until one boots. As iPXE does, it heeds a 503 that names
// the time to come back; it begins with the script again.
func (n *Node) netboot(l *life, address string) {
	out, err := n.follow(l.ctx, address)
	busy, sentAway := errors.AsType[*busyError](err)
	switch {
	case l.ctx.Err() != nil:
	case sentAway:
		n.remark(busy.Error())
		n.later(l, busy.after, func() { n.netboot(l, address) })
	case err != nil:
		n.remark("network boot failed: " + err.Error())
		n.later(l, n.paced(firmwareRetry), func() { n.netboot(l, n.firstScript()) })
	case out.boot != nil:
		n.remark("kernel and initrd fetched and checked")
		n.load(l, out.boot.params)
	default:
		n.remark("boot script asks to try again in " + out.pause.String())
		n.later(l, n.paced(out.pause), func() { n.netboot(l, out.chain) })
	}
}

// busyError says that what was fetched can be had later.
type busyError struct {
	what  string
	after time.Duration
}

func (e *busyError) Error() string {
	return fmt.Sprintf("%s: too many ask at this moment; again in %v", e.what, e.after)
}

func (n *Node) follow(ctx context.Context, address string) (outcome, error) {
	text, err := n.fetchText(ctx, address)
	if err != nil {
		return outcome{}, err
	}
	s, err := parseScript(text, n.firmwareVariables())
	if err != nil {
		return outcome{}, err
	}
	var busy *busyError // iPXE comes back by itself; its script does not see that
	out, err := s.run(func(artifact string) (err error) {
		if n.fleet.opts.ShareArtifacts {
			err = n.fleet.artifacts.fetch(ctx, n.fleet.opts.HTTP, artifact)
		} else {
			err = fetchArtifact(ctx, n.fleet.opts.HTTP, artifact)
		}
		errors.As(err, &busy)
		return err
	})
	if busy != nil {
		return outcome{}, busy
	}
	if out.chain != "" {
		out.chain, err = resolve(address, out.chain)
	}
	return out, err
}

func (n *Node) firmwareVariables() map[string]string {
	vars := map[string]string{"buildarch": "x86_64", "net0/mac": n.MAC(), "mac": n.MAC(), "net0/ip": n.Address()}
	if n.ARM() {
		vars["buildarch"] = "arm64"
	}
	return vars
}

func resolve(base, ref string) (string, error) {
	b, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	u, err := b.Parse(ref)
	if err != nil {
		return "", fmt.Errorf("chain: %w", err)
	}
	return u.String(), nil
}

func (n *Node) fetchText(ctx context.Context, address string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, scriptTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	resp, err := n.fleet.opts.HTTP.Do(req)
	if err != nil {
		return "", fmt.Errorf("boot script: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxScript))
	if err != nil {
		return "", fmt.Errorf("boot script: %w", err)
	}
	if after := node.RetryAfter(resp); after > 0 {
		return "", &busyError{"boot script", after}
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("boot script: answered %s: %s", resp.Status, strings.TrimSpace(string(text)))
	}
	return string(text), nil
}

// load is the time between the jump into the kernel and the running system.
func (n *Node) load(l *life, params string) {
	n.mu.Lock()
	faults := n.faults()
	hang := faults.HangBoot > 0 || faults.BootFailureRate > 0 && n.fleet.random() < faults.BootFailureRate
	if hang && l.ctx.Err() == nil {
		n.hung = true
		n.note("the system hangs while it starts")
		if faults.HangBoot > 0 {
			faults.HangBoot--
			n.state.Faults = &faults
		}
		n.save()
	}
	n.mu.Unlock()
	if !hang {
		n.later(l, n.fleet.opts.BootDelay+faults.SlowBoot, func() { n.start(l, params) })
	}
}

// start is the system's own beginning: who am I, whom do I trust.
func (n *Node) start(l *life, params string) {
	id := node.ParseCommandLine(bootline.Cut(params, true)) // its firmware is UEFI
	sys := &system{Xname: id.Xname, Token: id.Token, Update: id.Update}
	n.mu.Lock()
	defer n.mu.Unlock()
	if l.ctx.Err() != nil {
		return
	}
	n.state.System = sys
	n.note("the system is up")
	n.save()
	n.fleet.clock.after(0, func() { n.report(l, sys) })
}

// runOn goes on with a system that was up when the fleet stopped.
func (n *Node) runOn(l *life) {
	n.mu.Lock()
	sys := n.state.System
	n.mu.Unlock()
	if sys != nil {
		n.report(l, sys)
	}
}

// later runs do after d unless the life is over by then.
func (n *Node) later(l *life, d time.Duration, do func()) {
	n.fleet.clock.after(d, func() {
		if l.ctx.Err() == nil {
			do()
		}
	})
}

func (n *Node) paced(d time.Duration) time.Duration {
	return time.Duration(float64(d) * n.fleet.opts.Pace)
}

func (n *Node) agent(id node.Identity) *node.Agent {
	return &node.Agent{Identity: id, Gateway: n.fleet.opts.Gateway, HTTP: n.fleet.opts.HTTP, Address: n.Address()}
}

// remark notes what happened to the node, for who looks why it does not boot.
func (n *Node) remark(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.note(text)
}
