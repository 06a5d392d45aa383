package cli

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/xname"
)

func (a *app) console() *cobra.Command {
	var lines int
	cmd := a.verb("console NODE", "Show what a node wrote on its serial console", arguments("NODE"),
		func(cmd *cobra.Command, g *globals, args []string) error {
			node, err := nodeName(args[0])
			if err != nil {
				return err
			}
			if lines < 1 {
				return usageError("Invalid value for '--lines': %d is not in the range x>=1.", lines)
			}
			s, err := a.open(g)
			if err != nil {
				return err
			}
			var console struct{ Lines []string }
			if err := s.get(cmd.Context(), consolePath(node, lines), &console); err != nil {
				return err
			}
			if len(console.Lines) > 0 {
				fmt.Fprintln(a.Stdout, strings.Join(console.Lines, "\n"))
			}
			return nil
		})
	cmd.Long = "Show the last lines that a node wrote on its serial console, as its BMC kept them."
	cmd.Flags().IntVar(&lines, "lines", 100, "how many at the most")
	return cmd
}

// nodeName is the argument NODE, in the form that services know.
func nodeName(arg string) (string, error) {
	node := xname.Normalize(arg)
	if !xname.IsNode(node) {
		return "", usageError("Invalid value for 'NODE': '%s' is not the name of a node, such as x1000c0s0b0n0.", arg)
	}
	return node, nil
}

func consolePath(node string, lines int) string {
	return fmt.Sprintf("/apis/drover/v1/nodes/%s/console?lines=%d", url.PathEscape(node), lines)
}
