package operators

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/machine"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/xname"
)

// outcomes keeps what became of power calls until the machine has recorded it.
// A node may have several: what an earlier call ends with may be heard after
// what the present one began with, and must not take its place.
type outcomes struct {
	// wake has the machine look at nodes.
	wake func(nodes ...string)
	mu   sync.Mutex
	by   map[string][]*machine.Outcome // by node, one of a call; nobody changes them
}

// put keeps the outcome of each node's call and has the machine told. Of the
// same call a newer one replaces an older one.
func (k *outcomes) put(found map[string]machine.Outcome) {
	nodes := make([]string, 0, len(found))
	k.mu.Lock()
	if k.by == nil {
		k.by = map[string][]*machine.Outcome{}
	}
	for node, o := range found {
		of := k.by[node]
		if i := slices.IndexFunc(of, func(old *machine.Outcome) bool { return old.CallID == o.CallID }); i >= 0 {
			of[i] = &o
		} else {
			k.by[node] = append(of, &o)
		}
		nodes = append(nodes, node)
	}
	k.mu.Unlock()
	k.wake(nodes...)
}

// of is the outcome of the component's call, or else of the one that it left
// and that may still come to something.
func (k *outcomes) of(c *bos.Component) *machine.Outcome {
	k.mu.Lock()
	defer k.mu.Unlock()
	var ofLeft *machine.Outcome
	for _, o := range k.by[c.ID] {
		switch o.CallID {
		case c.Engine.Call.ID:
			return o
		case c.Engine.Left.ID:
			ofLeft = o
		}
	}
	return ofLeft
}

// recorded forgets the outcome, unless a newer one of the call has come.
func (k *outcomes) recorded(node string, o *machine.Outcome) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if i := slices.Index(k.by[node], o); i >= 0 {
		k.by[node] = slices.Delete(k.by[node], i, i+1)
	}
}

// forget drops what is kept of nodes that are no longer moving.
func (k *outcomes) forget(nodes []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, n := range nodes {
		delete(k.by, n)
	}
}

// tellFailed has the log say which calls came to nothing, and of one of them why; the
// others may have other reasons, which stand in their components.
func tellFailed(log *slog.Logger, p *powerOperator, found map[string]machine.Outcome) {
	var failed []string
	for node, o := range found {
		if o.Kind != bos.AnswerAccepted && o.Kind != bos.AnswerWaiting {
			failed = append(failed, node)
		}
	}
	if len(failed) == 0 {
		return
	}
	slices.Sort(failed)
	log.Warn("power calls came to nothing", "action", p.words, "count", len(failed), "nodes", fold(failed),
		"first", failed[0], "why", found[failed[0]].Words)
}

// fold names nodes in a line of the log, however many they are.
func fold(nodes []string) string { return fmt.Sprintf("%.400s", xname.Fold(nodes)) }

// answerTo sorts the failure of a call that was to have an effect on a node.
func answerTo(err error) bos.Answer {
	var status *httpapi.StatusError
	if errors.As(err, &status) {
		switch status.Status {
		case 408, 409, 423, 425, 429:
			return bos.AnswerLater
		}
	}
	if transient(err) {
		return bos.AnswerLater
	}
	return bos.AnswerRefused
}

// transient tells whether the same may succeed later.
func transient(err error) bool {
	var answer *httpapi.StatusError
	if errors.As(err, &answer) {
		return answer.Status >= 500 || answer.Status == 429
	}
	return fault.Is(err, fault.Unavailable) || errors.Is(err, context.DeadlineExceeded)
}
