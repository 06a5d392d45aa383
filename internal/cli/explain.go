package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/drover-hpc/drover/internal/explain"
	"github.com/drover-hpc/drover/internal/explain/gather"
	"github.com/drover-hpc/drover/internal/xname"
)

func (a *app) explain() *cobra.Command {
	cmd := a.verb("explain NODE...", "Say in plain words where a node's boot stands", atLeast("NODE"),
		func(cmd *cobra.Command, g *globals, args []string) error {
			s, err := a.open(g)
			if err != nil {
				return err
			}
			nodes, err := s.nodeNames(cmd.Context(), strings.Join(args, ","))
			if err != nil {
				return err
			}
			if len(nodes) > 1 {
				return s.explainMany(cmd.Context(), nodes)
			}
			facts, err := s.facts(cmd.Context(), nodes[0])
			if err == nil && facts.Component == nil {
				err = s.mustKnow(cmd.Context(), nodes[0])
			}
			if err != nil {
				return err
			}
			fmt.Fprintln(a.Stdout, harmless(strings.Join(explain.Explain(facts), "\n")))
			return nil
		})
	cmd.Long = "Say in plain words where a node's boot stands: how long each step took, what it waits for and until when, " +
		"what went wrong last, and what to do next. Of several nodes, such as x1000c0s[0-7]b0n0, x1000c0, nid[1-4] or a group, each is told in a line."
	return cmd
}

// asking bounds the nodes about which is asked at a time.
const asking = 8

// explainMany prints a line for each thing that is to be said, with the nodes
// of which it is.
func (s *session) explainMany(ctx context.Context, nodes []string) error {
	told := make([]string, len(nodes))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(asking)
	for i, node := range nodes {
		g.Go(func() error {
			facts, err := s.facts(ctx, node)
			if err == nil {
				told[i] = explain.Line(facts)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	of := map[string][]string{}
	var order []string
	for i, h := range told {
		if of[h] == nil {
			order = append(order, h)
		}
		of[h] = append(of[h], nodes[i])
	}
	for _, h := range order {
		fmt.Fprintln(s.app.Stdout, xname.Fold(of[h])+" "+harmless(h))
	}
	return nil
}

// facts gathers what is known of the node.
func (s *session) facts(ctx context.Context, node string) (*explain.Facts, error) {
	return gather.Facts(ctx, gather.Services{BOS: s.ask("/apis/bos"), PCS: s.ask("/apis/power-control"), CFS: s.ask("/apis/cfs"),
		HSM: s.ask("/apis/smd/hsm/v2"), Drover: s.ask("/apis/drover")}, node, time.Now)
}

// ask calls the service with the prefix.
func (s *session) ask(prefix string) gather.Ask {
	return func(ctx context.Context, method, path string, in, out any) error {
		err := s.call(ctx, method, prefix+path, in, out)
		var answer *refusal
		if errors.As(err, &answer) {
			return &gather.Answer{Status: answer.status, Words: answer.message}
		}
		return err
	}
}
