package operators

import (
	"context"
	"errors"
	"sync"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/machine"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// outcomes keeps what became of power calls until the machine has recorded it.
type outcomes struct {
	// wake has the machine look at nodes.
	wake func(nodes ...string)
	mu   sync.Mutex
	by   map[string]machine.Outcome // by node
}

// put keeps the outcome of each node's call and has the machine told. A newer
// one replaces an older one.
func (k *outcomes) put(found map[string]machine.Outcome) {
	nodes := make([]string, 0, len(found))
	k.mu.Lock()
	if k.by == nil {
		k.by = map[string]machine.Outcome{}
	}
	for node, o := range found {
		k.by[node] = o
		nodes = append(nodes, node)
	}
	k.mu.Unlock()
	k.wake(nodes...)
}

func (k *outcomes) get(node string) *machine.Outcome {
	k.mu.Lock()
	defer k.mu.Unlock()
	if o, is := k.by[node]; is {
		return &o
	}
	return nil
}

// recorded forgets the outcome, unless a newer one has come.
func (k *outcomes) recorded(node string, o *machine.Outcome) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if o != nil && k.by[node] == *o {
		delete(k.by, node)
	}
}

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

func (k *outcomes) forget(nodes []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, n := range nodes {
		delete(k.by, n)
	}
}
