package cli

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/aee"
	"github.com/drover-hpc/drover/internal/ims/imagejob"
	"github.com/drover-hpc/drover/internal/job"
)

// steps is `aee`: the steps of a configuration session, which the server
// starts as processes of this program.
func (a *app) steps() *cobra.Command {
	return a.program("aee", "run|clone|inventory|ansible|teardown", "Run a step of a configuration session", aee.Command)
}

// imageSteps is `ims-job`: likewise those of a job of the Image Management
// Service.
func (a *app) imageSteps() *cobra.Command {
	return a.program("ims-job", "run|fetch|unpack|build|shell|pack|upload|teardown", "Run a step of an image job", imagejob.Command)
}

// program is the command of a program that is run as jobs.
func (a *app) program(name, steps, short string, command func(program []string) job.Command) *cobra.Command {
	return &cobra.Command{Use: name + " " + steps + " --job DIR", Short: short, DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			self, err := os.Executable()
			if err != nil {
				return err
			}
			if code := command([]string{self, name}).Main(cmd.Context(), args, a.Stdout, a.Stderr); code != 0 {
				return &ExitError{Code: code}
			}
			return nil
		}}
}
