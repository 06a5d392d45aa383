package boa

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/drover-hpc/drover/internal/bos/clients"
	v1 "github.com/drover-hpc/drover/internal/bos/v1"
	"github.com/drover-hpc/drover/internal/bss"
	"github.com/drover-hpc/drover/internal/certs"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/ims"
	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/job/kubernetes"
	"github.com/drover-hpc/drover/internal/job/pod"
	"github.com/drover-hpc/drover/internal/s3"
)

// Settings are where the services are, each by its base URL.
type Settings struct {
	BOS   string `json:"bos"`   // such as http://127.0.0.1:8080/apis/bos
	HSM   string `json:"hsm"`   // .../hsm/v2
	BSS   string `json:"bss"`   // .../bss
	CAPMC string `json:"capmc"` // .../capmc/v1
	CFS   string `json:"cfs"`   // .../cfs/v2
	// Token is what the agent shows at those whose URL begins with Gateway; empty:
	// nobody asks.
	Gateway string `json:"gateway,omitempty"`
	Token   string `json:"token,omitempty"`
	// S3 is the endpoint of the object store, with its keys.
	S3          string         `json:"s3"`
	Credentials s3.Credentials `json:"credentials"`
	// CABundle is a file with authorities that count beside the machine's.
	CABundle string `json:"ca_bundle,omitempty"`
	// Orphan is how long the agent goes on without a server; 0: 1 hour.
	Orphan time.Duration `json:"orphan,omitempty"`

	over http.RoundTripper // makes the calls; nil: the usual one
}

// Grants are what an agent does with the object store: it reads what nodes boot.
func Grants(o v1.Order) []s3.Grant {
	var paths []string
	for i := range o.Template.BootSets {
		paths = append(paths, o.Template.BootSets[i].Path)
	}
	return s3.Reading([]string{ims.ImagesBucket}, paths...)
}

// stepOperate is the one step of an agent's job.
const stepOperate = "operate"

// The files of an agent's job.
const (
	orderFile    = "order.json"
	settingsFile = "settings.json"
)

// Command is "drover boa". program is the command line up to and including
// "boa".
func Command(program []string) job.Command {
	return job.Command{Name: "drover boa", Steps: []string{stepOperate},
		Run: func(ctx context.Context, d job.Dir) error {
			settings, err := job.Read[Settings](d, settingsFile)
			if err != nil {
				return err
			}
			return job.Supervise(ctx, job.Plan{Dir: d, Program: program, Steps: []string{stepOperate}, Orphan: settings.Orphan})
		},
		Step: func(ctx context.Context, _ string, d job.Dir, out io.Writer) error { return operate(ctx, d, out) },
		Pod: func(ctx context.Context, step string, d job.Dir, out, errs io.Writer) (int, error) {
			return pod.Run(ctx, pod.Plan{Dir: d, Program: program, Step: step, Given: kubernetes.GivenDir}, out, errs)
		}}
}

func operate(ctx context.Context, d job.Dir, out io.Writer) error {
	order, err := job.Read[v1.Order](d, orderFile)
	if err != nil {
		return err
	}
	settings, err := job.Read[Settings](d, settingsFile)
	if err != nil {
		return err
	}
	agent, err := settings.agent(out)
	if err != nil {
		return err
	}
	agent.Order = order
	agent.preflight(ctx, settings)
	return agent.Run(ctx)
}

// agent is one that speaks to the services.
func (s *Settings) agent(out io.Writer) (*Agent, error) {
	trust, err := certs.Pool(s.CABundle)
	if err != nil {
		return nil, fmt.Errorf("authorities that the agent trusts: %w", err)
	}
	s.over = certs.Transport(trust)
	store, err := s3.NewClientOver(s.S3, s.Credentials, func(t *http.Transport) http.RoundTripper { return certs.Trust(t, trust) })
	if err != nil {
		return nil, err
	}
	return &Agent{Out: out, Now: time.Now, Waits: WaitsOf(os.Getenv), Objects: clients.Objects(store),
		Inventory:      inventory{hsm.NewClient(s.client("HSM", s.HSM))},
		Parameters:     parameters{bss.NewClient(s.client("BSS", s.BSS))},
		Power:          capmc{s.client("CAPMC", s.CAPMC)},
		Configurations: cfs{s.client("CFS", s.CFS)},
		Status:         v1.NewClient(s.client("BOS", s.BOS))}, nil
}

// preflight asks the services whether they are well, and writes down which are
// not: the session may succeed all the same.
func (a *Agent) preflight(ctx context.Context, s Settings) {
	for service, url := range map[string]string{"BSS": s.BSS + "/boot/v1/service/status", "CAPMC": s.CAPMC + "/health",
		"HSM": s.HSM + "/groups/labels", "CFS": s.CFS + "/options"} {
		c := s.client(service, url)
		c.Retries = 0
		if _, err := c.Do(ctx, http.MethodGet, "", nil, nil, nil); err != nil {
			a.say("before the start: %v", err)
		}
	}
}
