// Command drover boots and configures clusters: one binary with the services
// (`drover serve`), the command line, and the steps of a CFS session.
package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/cli"
	"github.com/drover-hpc/drover/internal/measure"
	"github.com/drover-hpc/drover/internal/server"
	"github.com/drover-hpc/drover/internal/sim"
	"github.com/drover-hpc/drover/internal/simulate"
)

func main() {
	sim.ReexecIfChild() // the SFTP server of a simulated node is this binary too
	os.Exit(cli.Main(context.Background(), cli.Config{
		Args0:         os.Args[0],
		Version:       server.Version,
		Configuration: server.ConfigurationFile,
		Commands:      []*cobra.Command{server.Command(), server.MigrateCommand(), server.SecretsCommand(), server.KubernetesCommand(), server.CertificatesCommand(), simulate.Command(), measure.Command()},
	}, os.Args[1:]))
}
