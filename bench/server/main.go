// Command server is the server that the bench measures, in a process of its
// own: Drover with an executor that runs nothing. It is a program beside the
// bench so that the same one can be built of another revision, which may lack
// what current.go uses.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/drover-hpc/drover/bench/proc"
	"github.com/drover-hpc/drover/internal/aee"
	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/server"
)

// config is what the bench says first.
type config struct {
	Data      string        `json:"data"`
	Database  string        `json:"database"`
	PollPower time.Duration `json:"poll_power"`
	// NoResync leaves out the looks at everything that make up for lost hints,
	// where the revision can do without.
	NoResync bool `json:"no_resync"`
	Verbose  bool `json:"verbose"`
	// RealSessions has sessions run Ansible, by steps of this same program.
	RealSessions bool `json:"real_sessions"`
	// Auth is whom it serves, where the revision knows that.
	Auth string `json:"auth"`
	// BMCEvents is the URL for BMCs, where the revision knows that.
	BMCEvents string `json:"bmc_events"`
	// Stands has it stand by at Listen: another server leads on the database,
	// and has the object store.
	Stands      bool   `json:"stands"`
	Listen      string `json:"listen"`
	Advertise   string `json:"advertise"`
	S3Endpoint  string `json:"s3_endpoint"`
	S3AccessKey string `json:"s3_access_key"`
	S3SecretKey string `json:"s3_secret_key"`
}

func (c *config) server() server.Config {
	return server.Config{Listen: cmp.Or(c.Listen, "127.0.0.1:0"), Advertise: c.Advertise, Data: c.Data, Database: c.Database,
		S3Listen: "127.0.0.1:0", S3Endpoint: c.S3Endpoint, S3AccessKey: c.S3AccessKey, S3SecretKey: c.S3SecretKey,
		SSHPort: 22, MaxSessions: 16, PollPower: c.PollPower, BootRetry: 30 * time.Second, JobOrphan: time.Hour, VCSMaxPush: 1}
}

// These are what older revisions do not have; see current.go.
var (
	adjust = func(config, *server.Config, *server.Options) {}
	rows   func(*server.Server) (written, decoded, unsettled int64)
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "aee" {
		os.Exit(aee.Command(os.Args[:2]).Main(context.Background(), os.Args[2:], os.Stdout, os.Stderr))
	}
	var c config
	child, err := proc.NewChild(&c)
	if err != nil {
		return
	}
	if !c.Verbose {
		slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	}
	if c.Stands {
		standBy(child, c)
		return
	}
	executor := newNullExecutor(child.Tell)
	options := server.Options{Executor: executor}
	if c.RealSessions {
		options.Executor = nil
	}
	settings := c.server()
	adjust(c, &settings, &options)
	s, err := server.Start(context.Background(), settings, options)
	if err != nil {
		child.Fail(err)
		os.Exit(1)
	}
	child.Answer(s.URL(), map[string]proc.Operation{
		"rows": func(json.RawMessage) (any, error) {
			if rows == nil {
				return nil, nil
			}
			written, decoded, unsettled := rows(s)
			return map[string]int64{"written": written, "decoded": decoded, "unsettled": unsettled}, nil
		},
		"done": func(arg json.RawMessage) (any, error) {
			var id string
			if err := json.Unmarshal(arg, &id); err != nil {
				return nil, err
			}
			executor.set(id, job.Succeeded)
			return nil, nil
		},
	})
	s.Stop()
}

// standBy runs a server that never leads: its start goes on until the bench ends
// it.
func standBy(child *proc.Child, c config) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if s, err := server.Start(ctx, c.server(), server.Options{}); err == nil || ctx.Err() == nil {
			child.Fail(fmt.Errorf("the second server does not stand by: %v", err))
			if s != nil {
				s.Stop()
			}
		}
	}()
	child.Answer(nil, nil)
	cancel()
	<-done
}
