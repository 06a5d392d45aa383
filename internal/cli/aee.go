package cli

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/aee"
	"github.com/drover-hpc/drover/internal/boa"
	"github.com/drover-hpc/drover/internal/ims/imagejob"
	"github.com/drover-hpc/drover/internal/job"
)

// jobs are the programs that the server starts as processes of this one; nobody types
// them, so help does not list them.
func (a *app) jobs() []*cobra.Command {
	return []*cobra.Command{
		a.job("aee", "Run a step of a configuration session", aee.Command),
		a.job("ims-job", "Run a step of an image job", imagejob.Command),
		a.job("boa", "Run the agent of a session of BOS v1", boa.Command),
	}
}

func (a *app) job(name, short string, of func(program []string) job.Command) *cobra.Command {
	return &cobra.Command{Use: name + " run|" + strings.Join(of(nil).Steps, "|") + " --job DIR", Short: short, Hidden: true, DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			self, err := os.Executable()
			if err != nil {
				return err
			}
			if code := of([]string{self, name}).Main(cmd.Context(), args, a.Stdout, a.Stderr); code != 0 {
				return &ExitError{Code: code}
			}
			return nil
		}}
}
