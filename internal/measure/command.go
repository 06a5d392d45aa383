package measure

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/fault"
)

// Command is `drover bench`.
func Command() *cobra.Command {
	var c Config
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure what this machine does with a fleet of a size",
		Long: "Measure what this machine does with a fleet of a size.\n\n" +
			"A server and simulated nodes that take no time run as processes of their own, below a temporary directory; all nodes are discovered, booted and rebooted, " +
			"without configuration. Nothing is left, but what a database given by --database holds then.",
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if c.Nodes < 1 || c.Nodes > 100_000 {
				return fault.New(fault.Invalid, "nodes: expected 1 to 100000, got %d", c.Nodes)
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, os.Interrupt)
			defer stop()
			if c.Binary, err = os.Executable(); err != nil {
				return err
			}
			r, err := Run(ctx, c)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(r)
			}
			return r.print(cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.IntVar(&c.Nodes, "nodes", 1000, "simulate `N` nodes, 1 to 100000")
	f.StringVar(&c.Database, "database", "", "`URL` of an empty PostgreSQL database; else SQLite is used")
	f.BoolVar(&asJSON, "json", false, "print an object of JSON")
	return cmd
}

// print writes the table for people.
func (r *Result) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%d nodes\tseconds\tnodes a second\tserver: CPU ms a node\tsimulated nodes: CPU ms a node\t\n", r.Nodes)
	for _, part := range []struct {
		name string
		cost Cost
	}{{"discovery", r.Discovery}, {"boot", r.Boot}, {"reboot", r.Reboot}} {
		c := part.cost
		fmt.Fprintf(t, "%s\t%.1f\t%.0f\t%.2f\t%.2f\t\n", part.name, c.Seconds, float64(r.Nodes)/c.Seconds, c.Server, c.Fleet)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nA session's status, 99th percentile: %.1f ms at rest, %.1f ms during the reboot.\nMemory of the server: %.0f MB.\n", r.Calm, r.Busy, r.Memory)
	return err
}
