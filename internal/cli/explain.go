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
			facts, err := s.allFacts(cmd.Context(), nodes)
			if err == nil && len(nodes) == 1 && facts[0].Component == nil {
				err = s.mustKnow(cmd.Context(), nodes[0])
			}
			switch {
			case err != nil:
			case s.asData:
				err = s.printReports(facts)
			case len(nodes) > 1:
				s.explainMany(facts)
			default:
				fmt.Fprintln(a.Stdout, harmless(strings.Join(explain.Explain(facts[0]), "\n")))
			}
			return err
		})
	cmd.Long = "Say in plain words where a node's boot stands: how long each step took, what it waits for and until when, " +
		"what went wrong last, and what to do next. Of several nodes, such as x1000c0s[0-7]b0n0, x1000c0, nid[1-4] or a group, each is told in a line."
	return cmd
}

// asking bounds the nodes about which is asked at a time.
const asking = 8

// allFacts gathers what is known of the nodes.
func (s *session) allFacts(ctx context.Context, nodes []string) ([]*explain.Facts, error) {
	all := make([]*explain.Facts, len(nodes))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(asking)
	for i, node := range nodes {
		g.Go(func() (err error) {
			all[i], err = s.facts(ctx, node)
			return err
		})
	}
	return all, g.Wait()
}

// printReports prints all that is known of nodes as data.
func (s *session) printReports(all []*explain.Facts) error {
	var out struct {
		Nodes []explain.Report `json:"nodes"`
	}
	for _, facts := range all {
		out.Nodes = append(out.Nodes, explain.Tell(facts))
	}
	return s.print(out)
}

// explainMany prints a line for each thing that is to be said, with the nodes
// of which it is.
func (s *session) explainMany(all []*explain.Facts) {
	of := map[string][]string{}
	var order []string
	for _, facts := range all {
		h := explain.Line(facts)
		if of[h] == nil {
			order = append(order, h)
		}
		of[h] = append(of[h], facts.Node)
	}
	for _, h := range order {
		fmt.Fprintln(s.app.Stdout, xname.Fold(of[h])+" "+harmless(h))
	}
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
