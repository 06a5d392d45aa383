package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/cli/explain"
)

func (a *app) explain() *cobra.Command {
	cmd := a.verb("explain NODE", "Say in plain words where a node's boot stands", arguments("NODE"),
		func(cmd *cobra.Command, g *globals, args []string) error {
			node, err := nodeName(args[0])
			if err != nil {
				return err
			}
			s, err := a.open(g)
			if err != nil {
				return err
			}
			facts, err := s.facts(cmd.Context(), node)
			if err != nil {
				return err
			}
			fmt.Fprintln(a.Stdout, strings.Join(explain.Explain(facts), "\n"))
			return nil
		})
	cmd.Long = "Say in plain words where a node's boot stands: how long each step took, what it waits for and until when, " +
		"what went wrong last, and what to do next."
	return cmd
}

// facts asks all services at once. Without the boot service's answer there is
// nothing to explain; any other may be missing.
func (s *session) facts(ctx context.Context, node string) (*explain.Facts, error) {
	f := &explain.Facts{Node: node, Unknown: map[string]string{}}
	var power struct {
		Status []explain.Power `json:"status"`
	}
	x := url.PathEscape(node)
	asks := []struct {
		service, path string
		out           any
	}{
		{"bos", "/apis/bos/v2/components/" + x, &f.Component},
		{"bos options", "/apis/bos/v2/options", &f.Options},
		{"power", "/apis/power-control/v1/power-status?xname=" + x, &power},
		{"configuration", "/apis/cfs/v3/components/" + x + "?state_details=true", &f.Config},
		{"journal", "/apis/drover/v1/nodes/" + x + "/journal", &f.Journal},
	}
	errs := make([]error, len(asks))
	var wg sync.WaitGroup
	for i, ask := range asks {
		wg.Go(func() { errs[i] = s.get(ctx, ask.path, ask.out) })
	}
	wg.Wait()
	for i, err := range errs {
		var answer *refusal
		switch {
		case err == nil:
		case !errors.As(err, &answer):
			return nil, err // no answer at all
		case answer.status != http.StatusNotFound:
			f.Unknown[asks[i].service] = answer.message
		}
	}
	if len(power.Status) > 0 {
		f.Power = &power.Status[0]
	}
	if f.AsksForConsole() {
		var console struct{ Lines []string }
		if s.get(ctx, consolePath(node, explain.ConsoleLines), &console) == nil { // many BMCs keep none
			f.Console = console.Lines
		}
	}
	f.Now = time.Now().UTC()
	return f, nil
}
