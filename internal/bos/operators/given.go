package operators

import (
	"sync"

	"github.com/drover-hpc/drover/internal/bos"
)

// given keeps the tokens that BSS gave for power-ons until they stand in the
// nodes' records. They need no write of their own: until the next one of the
// node, what the token stands for is found by the call.
type given struct {
	mu sync.Mutex
	by map[string]givenToken // by node
}

type givenToken struct{ call, token string }

func (g *given) put(node, call, token string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.by == nil {
		g.by = map[string]givenToken{}
	}
	g.by[node] = givenToken{call, token}
}

// note writes the token of the component's call, or of the one that it left,
// into the component. A node that is to be off has none.
func (g *given) note(c *bos.Component) {
	g.mu.Lock()
	t, is := g.by[c.ID]
	g.mu.Unlock()
	if is && c.DesiredState.BootArtifacts.Kernel != "" && (t.call == c.Engine.Call.ID || t.call == c.Engine.Left.ID) {
		c.Powered(t.token)
	}
}

// recorded forgets the token that stands in the record now.
func (g *given) recorded(c *bos.Component) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t, is := g.by[c.ID]; is && c.DesiredState.BSSToken == t.token {
		delete(g.by, c.ID)
	}
}

func (g *given) forget(nodes []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, n := range nodes {
		delete(g.by, n)
	}
}
