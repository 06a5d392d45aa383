package cli

import (
	"context"
	"fmt"
	"io"
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

// consoleOf is what a node wrote, or why that is not known.
type consoleOf struct {
	Xname string   `json:"xname"`
	Lines []string `json:"lines"`
	Error string   `json:"error"`
}

// consoles prints what each node wrote. One that has no console does not hide
// the others.
func (s *session) consoles(ctx context.Context, nodes []string, lines int) error {
	out := struct {
		Consoles []consoleOf `json:"consoles"`
	}{}
	var troubles []string
	for _, node := range nodes {
		one := consoleOf{Xname: node, Lines: []string{}}
		if err := s.get(ctx, "/apis/drover"+gather.ConsolePath(node, lines), &one); err != nil {
			if len(nodes) == 1 {
				return err
			}
			one.Error = err.Error()
			troubles = append(troubles, node+": "+one.Error)
		}
		one.Xname = node
		out.Consoles = append(out.Consoles, one)
		if !s.asData {
			one.write(s.app.Stdout, len(nodes) > 1)
		}
	}
	if s.asData {
		if err := s.print(out); err != nil {
			return err
		}
	}
	if len(troubles) > 0 {
		return &failure{code: partly, message: "no console of " + strings.Join(troubles, "\n  ")}
	}
	return nil
}

// write prints what the node wrote, below its name if it is one of several.
func (c *consoleOf) write(w io.Writer, headed bool) {
	if c.Error != "" {
		return
	}
	if headed {
		fmt.Fprintf(w, "==> %s <==\n", c.Xname)
	}
	if len(c.Lines) > 0 {
		fmt.Fprintln(w, strings.Join(c.Lines, "\n"))
	}
}
