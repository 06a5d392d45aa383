package cli

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/aee"
)

// steps is `aee`: the steps of a configuration session, which the server
// starts as processes of this program.
func (a *app) steps() *cobra.Command {
	return &cobra.Command{Use: "aee run|clone|inventory|ansible|teardown --job DIR",
		Short: "Run a step of a configuration session", DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			program, err := os.Executable()
			if err != nil {
				return err
			}
			if code := aee.Command([]string{program, "aee"}).Main(cmd.Context(), args, a.Stdout, a.Stderr); code != 0 {
				return &ExitError{Code: code}
			}
			return nil
		}}
}
