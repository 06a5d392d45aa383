package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/explain/gather"
)

func (a *app) console() *cobra.Command {
	var lines int
	cmd := a.verb("console NODE...", "Show what a node wrote on its serial console", atLeast("NODE"),
		func(cmd *cobra.Command, g *globals, args []string) error {
			if lines < 1 {
				return usageError("Invalid value for '--lines': %d is not in the range x>=1.", lines)
			}
			s, err := a.open(g)
			if err != nil {
				return err
			}
			nodes, err := s.nodeNames(cmd.Context(), strings.Join(args, ","))
			if err != nil {
				return err
			}
			return s.consoles(cmd.Context(), nodes, lines)
		})
	cmd.Long = "Show the last lines that a node wrote on its serial console, as its BMC kept them. " +
		"Of several nodes, such as x1000c0s[0-7]b0n0, each has a heading."
	cmd.Flags().IntVar(&lines, "lines", 100, "how many at the most")
	return cmd
}

// consoles prints what each node wrote. One that has no console does not hide
// the others.
func (s *session) consoles(ctx context.Context, nodes []string, lines int) error {
	var troubles []string
	for _, node := range nodes {
		var console struct{ Lines []string }
		switch err := s.get(ctx, "/apis/drover"+gather.ConsolePath(node, lines), &console); {
		case err != nil && len(nodes) == 1:
			return err
		case err != nil:
			troubles = append(troubles, node+": "+err.Error())
			continue
		}
		if len(nodes) > 1 {
			fmt.Fprintf(s.app.Stdout, "==> %s <==\n", node)
		}
		if len(console.Lines) > 0 {
			fmt.Fprintln(s.app.Stdout, strings.Join(console.Lines, "\n"))
		}
	}
	if len(troubles) > 0 {
		return &failure{code: partly, message: "no console of " + strings.Join(troubles, "\n  ")}
	}
	return nil
}
