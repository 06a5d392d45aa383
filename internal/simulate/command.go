package simulate

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/sim"
)

// Command is `drover simulate`.
func Command() *cobra.Command {
	var c Config
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Run simulated nodes against any installation of the services",
		Long: "Run simulated nodes, with a Redfish BMC each, against any installation of BOS, CFS, BSS and HSM:\n" +
			"Drover's own, a CSM, an OpenCHAMI.\n\n" +
			"The BMCs, which take HTTP and HTTPS, are added to HSM as Redfish endpoints, which discovers them; they answer at loopback addresses (127.101.0.1 and on) of this\n" +
			"machine, so what discovers and powers them must run here. Nodes boot when they are powered on.",
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), c) },
	}
	f := cmd.Flags()
	f.IntVar(&c.Nodes, "nodes", 8, "start `N` nodes, x1000c0s0b0n0 and on")
	f.StringVar(&c.Gateway, "gateway", "http://127.0.0.1:8080", "`URL` under which the services live at /apis/...")
	f.StringVar(&c.HSM, "hsm-url", "", "`URL` of HSM where it does not, such as http://127.0.0.1:27779/hsm/v2")
	f.StringVar(&c.BSS, "bss-url", "", "`URL` of BSS where it does not, before /boot/v1")
	f.StringVar(&c.BOS, "bos-url", "", "`URL` of BOS where it does not, before /v2")
	f.StringVar(&c.CFS, "cfs-url", "", "`URL` of CFS where it does not, before /v3")
	f.StringVar(&c.S3, "s3", "", "`HOST:PORT` at which to reach the object store, whatever host boot scripts name")
	f.StringVar(&c.Token, "token", "", "`FILE` with the bearer token that the gateway asks for; it is read again when it changes")
	f.BoolVar(&c.Insecure, "insecure", false, "take any certificate of the services")
	f.StringSliceVar(&c.Without, "without", nil, "services that nodes do not report to: bos, cfs")
	f.BoolVar(&c.Unannounced, "unannounced", false, "leave it to somebody else to make the BMCs known to HSM")
	f.StringVar(&c.Dir, "data", "drover-fleet", "`DIR` for the nodes' states, which survive a restart")
	f.StringVar(&c.Listen, "listen", "127.0.0.1:8082", "`HOST:PORT` of the control interface (faults, counters); '' for none")
	f.BoolVar(&c.ARM, "arm", false, "make every second node an ARM node")
	f.BoolVar(&c.RunCommands, "run-commands", true, "run what Ansible asks for by SSH, in namespaces")
	f.DurationVar(&c.BootDelay, "boot-delay", 2*time.Second, "time a boot takes after the initrd was fetched")
	f.DurationVar(&c.OnDelay, "on-delay", 200*time.Millisecond, "time from PoweringOn to On")
	f.DurationVar(&c.OffDelay, "off-delay", 500*time.Millisecond, "time of a graceful shutdown")
	f.Float64Var(&c.Failures, "boot-failures", 0, "share of boots that hang, 0 to 1")
	f.IntVar(&c.AtOnce, "at-once", sim.AtOnce, "let `N` nodes do something at the same moment, each on a connection of its own")
	f.StringSliceVar(&c.Characters, "bmcs", nil, "`CHARACTER`s of the BMCs, one after another: all, or some of "+strings.Join(bmc.CharacterNames(), ", "))
	return cmd
}

// reportEvery is how often the counters are logged.
const reportEvery = time.Minute

// run simulates until a signal or the end of ctx.
func run(ctx context.Context, c Config) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, os.Interrupt)
	defer stop()
	s, err := Start(ctx, c)
	if err != nil {
		return err
	}
	defer s.Stop()
	if why := s.Fleet.CommandsRefused(); why != "" {
		slog.Warn("simulated nodes run no commands", "reason", why)
	}
	slog.Info("ready", "nodes", c.Nodes, "gateway", c.Gateway, "control", s.Control(), "ssh-port", s.Fleet.SSHPort())
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	for {
		n := s.Fleet.Counters()
		select {
		case <-ctx.Done():
			slog.Info("stopping", "requests", n.Requests, "refused", n.Refused, "failed", n.Failed, "last-failure", n.LastFailure)
			return nil
		case <-tick.C:
			slog.Info("so far", "requests", n.Requests, "refused", n.Refused, "failed", n.Failed, "last-failure", n.LastFailure, "bmc-requests", n.BMCRequests, "bmc-connections", n.BMCConnections)
		}
	}
}
