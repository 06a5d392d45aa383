package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/drover-hpc/drover/internal/explain"
	"github.com/drover-hpc/drover/internal/xname"
)

func (a *app) explain() *cobra.Command {
	cmd := a.verb("explain NODE", "Say in plain words where a node's boot stands", arguments("NODE"),
		func(cmd *cobra.Command, g *globals, args []string) error {
			s, err := a.open(g)
			if err != nil {
				return err
			}
			nodes, err := s.nodeNames(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if len(nodes) > 1 {
				return s.explainMany(cmd.Context(), nodes)
			}
			facts, err := s.facts(cmd.Context(), nodes[0])
			if err != nil {
				return err
			}
			fmt.Fprintln(a.Stdout, strings.Join(explain.Explain(facts), "\n"))
			return nil
		})
	cmd.Long = "Say in plain words where a node's boot stands: how long each step took, what it waits for and until when, " +
		"what went wrong last, and what to do next. Of several nodes, such as x1000c0s[0-7]b0n0, x1000c0, nid[1-4] or a group, one line says it all."
	return cmd
}

// asking bounds the nodes about which is asked at a time.
const asking = 8

// explainMany prints a line for each thing that is to be said, with the nodes
// of which it is.
func (s *session) explainMany(ctx context.Context, nodes []string) error {
	headlines := make([]string, len(nodes))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(asking)
	for i, node := range nodes {
		g.Go(func() error {
			facts, err := s.facts(ctx, node)
			if err == nil {
				headlines[i] = explain.Headline(facts)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	of := map[string][]string{}
	var order []string
	for i, h := range headlines {
		if of[h] == nil {
			order = append(order, h)
		}
		of[h] = append(of[h], nodes[i])
	}
	for _, h := range order {
		fmt.Fprintln(s.app.Stdout, xname.Fold(of[h])+" "+h)
	}
	return nil
}

// facts asks all services at once. Without the boot service's answer there is
// nothing to explain; any other may be missing.
func (s *session) facts(ctx context.Context, node string) (*explain.Facts, error) {
	f := &explain.Facts{Node: node, Unknown: map[string]string{}}
	var power struct {
		Status []explain.Power `json:"status"`
	}
	var locks struct{ Components []explain.Lock }
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
		{"hardware", hsmComponents + "/" + x, &f.Hardware},
	}
	errs := make([]error, len(asks))
	var wg sync.WaitGroup
	wg.Go(func() { // what cannot be asked for is not told
		_ = s.call(ctx, http.MethodPost, "/apis/smd/hsm/v2/locks/status", map[string]any{"ComponentIDs": []string{node}}, &locks)
	})
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
	if len(locks.Components) > 0 {
		f.Lock = &locks.Components[0]
	}
	if f.Config != nil && f.Config.ConfigurationStatus == "pending" {
		f.Run = s.configurationRun(ctx, node)
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

// configurationRun finds the configuration session that names the node, nil if
// none does.
func (s *session) configurationRun(ctx context.Context, node string) *explain.Run {
	var list struct {
		Sessions []struct {
			Name    string
			Ansible struct{ Limit string }
			Status  struct {
				Session struct{ Waiting *explain.Waiting }
			}
		}
	}
	for _, status := range []string{"running", "pending"} {
		if s.get(ctx, "/apis/cfs/v3/sessions?status="+status, &list) != nil {
			return nil
		}
		for _, one := range list.Sessions {
			if slices.Contains(strings.Split(one.Ansible.Limit, ","), node) {
				return &explain.Run{Name: one.Name, Waiting: one.Status.Session.Waiting}
			}
		}
	}
	return nil
}
