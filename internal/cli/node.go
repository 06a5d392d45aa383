package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/node"
)

// nodeOptions are those of `node report`.
type nodeOptions struct {
	gateway, cmdline, tokenFile string
	trust                       node.Trust
}

// node is what runs on nodes, not on an administrator's machine.
func (a *app) node() *cobra.Command {
	o := nodeOptions{trust: node.Trust{Processes: os.DirFS("/proc"),
		Hangup: hangup}}
	cmd := &cobra.Command{Use: "report", Short: "Report this node to HSM, BOS and CFS, and trust the SSH authority", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.report(cmd.Context(), &o) }}
	cmd.Long = "Report to HSM that this node is ready, to BOS which boot it performed, to CFS that it wants to be configured, and have\n" +
		"sshd accept what the authority of CFS certifies. It runs until it is ended by SIGTERM.\n\n" +
		"The node is [NODE_IDENTITY], else xname= of the kernel command line. The gateway is --gateway, [API_GATEWAY_HOST] (a host),\n" +
		"[DROVER_SERVER] (a URL), that of ds=nocloud-net;s=URL/apis/bss/ on the kernel command line, or " + node.DefaultGateway + "."
	f := cmd.Flags()
	f.StringVar(&o.gateway, "gateway", "", "URL of the gateway")
	f.StringVar(&o.cmdline, "cmdline", "/proc/cmdline", "the kernel command line")
	f.StringVar(&o.trust.Keys, "trusted-keys", "/etc/ssh/trusted-user-ca-keys.pem", "where the authority's key is kept")
	f.StringVar(&o.trust.Config, "sshd-config", "/etc/ssh/sshd_config", "sshd's settings")
	f.StringVar(&o.tokenFile, "token-file", "", "file with the bearer token; it is read at each call")
	top := group("node", "What runs on a node")
	top.AddCommand(cmd)
	return top
}

func hangup(pid int) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return p.Signal(syscall.SIGHUP)
}

func (a *app) report(ctx context.Context, o *nodeOptions) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	d, err := a.daemon(o)
	if err != nil {
		return err
	}
	d.Log.Info(d.Xname + " reports to " + d.Gateway)
	if err := d.Run(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// daemon is the reporter that the options, the environment and the kernel
// command line describe.
func (a *app) daemon(o *nodeOptions) (*node.Daemon, error) {
	text, err := os.ReadFile(o.cmdline)
	if err != nil {
		return nil, failed("the kernel command line: %v", err)
	}
	line := string(text)
	identity := node.ParseCommandLine(line)
	identity.Xname = cmp.Or(a.Getenv("NODE_IDENTITY"), identity.Xname)
	if identity.Xname == "" {
		return nil, node.ErrNoIdentity
	}
	gateway := cmp.Or(o.gateway, a.Getenv("API_GATEWAY_HOST"), a.Getenv("DROVER_SERVER"), node.GatewayOf(line), node.DefaultGateway)
	if !strings.Contains(gateway, "://") {
		gateway = "https://" + gateway
	}
	d := &node.Daemon{Trusted: o.trust.Set, Log: slog.New(&plain{Writer: a.Stderr}), Agent: node.Agent{
		Identity: identity, Gateway: strings.TrimSuffix(gateway, "/"), HTTP: &http.Client{Transport: a.Transport}}}
	if o.tokenFile != "" {
		d.Bearer = func(context.Context) (string, error) {
			token, err := os.ReadFile(o.tokenFile)
			return strings.TrimSpace(string(token)), err
		}
	}
	return d, nil
}

// plain is a log for a console: the words of each message.
type plain struct {
	sync.Mutex
	io.Writer
}

func (p *plain) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

func (p *plain) Handle(_ context.Context, r slog.Record) error {
	p.Lock()
	defer p.Unlock()
	_, err := fmt.Fprintf(p, "drover: %s\n", r.Message)
	return err
}

func (p *plain) WithAttrs([]slog.Attr) slog.Handler { return p }
func (p *plain) WithGroup(string) slog.Handler      { return p }
