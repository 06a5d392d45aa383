// Package gather asks the services for what package explain is told of a node.
//
//	Services (one Ask each) ─► Facts ─► explain.Facts
package gather

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/explain"
)

// Ask calls a service; the path follows the service's prefix at the gateway,
// in is sent as JSON (nil: nothing), the answer decoded into out. An answer of
// 400 or more is an *Answer; any other error is that there was none.
type Ask func(ctx context.Context, method, path string, in, out any) error

// Answer is that a service does not tell.
type Answer struct {
	Status int // of HTTP; 0: it could not be reached, and nobody minds
	Words  string
}

func (a *Answer) Error() string { return a.Words }

// Services are those that know of nodes.
type Services struct{ BOS, PCS, CFS, HSM, Drover Ask }

// Facts asks all services at once. Without the boot service's answer there is
// nothing to explain; any other may be missing. The error is that there was no
// answer at all.
func Facts(ctx context.Context, s Services, node string, now func() time.Time) (*explain.Facts, error) {
	f := &explain.Facts{Node: node, Unknown: map[string]string{}}
	g := gathering{services: s, facts: f, node: url.PathEscape(node)}
	if err := g.first(ctx); err != nil {
		return nil, err
	}
	g.second(ctx)
	f.Now = now().UTC()
	return f, nil
}

type gathering struct {
	services Services
	facts    *explain.Facts
	node     string // escaped for paths
}

func get(ctx context.Context, ask Ask, path string, out any) error {
	return ask(ctx, http.MethodGet, path, nil, out)
}

// first asks for what is told of every node.
func (g *gathering) first(ctx context.Context) error {
	f, s := g.facts, g.services
	var power struct {
		Status []explain.Power `json:"status"`
	}
	var locks struct{ Components []explain.Lock }
	asks := []struct {
		name string
		ask  Ask
		path string
		out  any
	}{
		{"bos", s.BOS, "/v2/components/" + g.node, &f.Component},
		{"bos options", s.BOS, "/v2/options", &f.Options},
		{"power", s.PCS, "/v1/power-status?xname=" + g.node, &power},
		{"configuration", s.CFS, "/v3/components/" + g.node + "?state_details=true", &f.Config},
		{"journal", s.Drover, "/v1/nodes/" + g.node + "/journal", &f.Journal},
		{"hardware", s.HSM, "/State/Components/" + g.node, &f.Hardware},
	}
	errs := make([]error, len(asks))
	var wg sync.WaitGroup
	wg.Go(func() { // what cannot be asked for is not told
		_ = s.HSM(ctx, http.MethodPost, "/locks/status", map[string]any{"ComponentIDs": []string{f.Node}}, &locks)
	})
	for i, a := range asks {
		wg.Go(func() { errs[i] = get(ctx, a.ask, a.path, a.out) })
	}
	wg.Wait()
	for i, err := range errs {
		var answer *Answer
		switch {
		case err == nil:
		case !errors.As(err, &answer):
			return err
		case answer.Status != http.StatusNotFound:
			f.Unknown[asks[i].name] = answer.Words
		}
	}
	if len(power.Status) > 0 {
		f.Power = &power.Status[0]
	}
	if len(locks.Components) > 0 {
		f.Lock = &locks.Components[0]
	}
	return nil
}

// second asks what the first answers made of interest. Services that are not
// Drover's know less; what they do not know is not told.
func (g *gathering) second(ctx context.Context) {
	f := g.facts
	var wg sync.WaitGroup
	if c := f.Config; c != nil && c.ConfigurationStatus != "configured" {
		wg.Go(func() { g.waiting(ctx) })
	}
	if c := f.Config; c != nil && c.ConfigurationStatus == "pending" {
		wg.Go(func() { f.Run = g.run(ctx) })
		wg.Go(func() {
			var health struct {
				Held bool `json:"sessions_held"`
			}
			f.SessionsHeld = get(ctx, g.services.CFS, "/healthz", &health) == nil && health.Held
		})
	}
	if c := f.Config; c != nil && c.ConfigurationStatus != "configured" {
		wg.Go(func() { f.Tasks = g.failedTasks(ctx, explain.LastFailure(c.State)) })
	}
	if f.AsksForTask() {
		wg.Go(func() { f.Task = g.task(ctx) })
	}
	if f.AsksForConsole() {
		wg.Go(func() {
			var console struct{ Lines []string }
			if get(ctx, g.services.Drover, ConsolePath(f.Node, explain.ConsoleLines), &console) == nil { // many BMCs keep none
				f.Console = console.Lines
			}
		})
	}
	wg.Wait()
}
