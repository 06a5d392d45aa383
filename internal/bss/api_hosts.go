package bss

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

type listHostsInput struct{ Selection }

type listHostsOutput struct{ Body []Component }

type dumpOutput struct {
	Body struct {
		Components []Component      `json:"Components" nullable:"false" doc:"Hosts known to HSM"`
		Params     []BootParameters `json:"Params" nullable:"false" doc:"All boot parameters"`
	}
}

type historyInput struct {
	Name     string `query:"name" minLength:"1" doc:"xname of the host"`
	Endpoint string `query:"endpoint" minLength:"1" doc:"What it asked for: bootscript or user-data"`
}

type historyOutput struct{ Body []EndpointAccess }

func registerHosts(api huma.API, s *Service) {
	httpapi.Handle(api, huma.Operation{OperationID: "list-hosts", Method: http.MethodGet, Path: "/boot/v1/hosts",
		Summary: "List hosts as HSM knows them", Tags: []string{"hosts"}},
		func(ctx context.Context, in *listHostsInput) (*listHostsOutput, error) {
			hosts, err := s.listHosts(ctx, in.Selection)
			return &listHostsOutput{Body: hosts}, err
		})
	httpapi.Handle(api, huma.Operation{OperationID: "refresh-hosts", Method: http.MethodPost, Path: "/boot/v1/hosts",
		Summary: "Read the hosts from HSM again", Tags: []string{"hosts"}, DefaultStatus: http.StatusNoContent},
		func(ctx context.Context, _ *struct{}) (*struct{}, error) {
			s.inventory.newerThan(s.cfg.Now())
			_, err := s.inventory.all(ctx)
			return nil, err
		})
	httpapi.Handle(api, huma.Operation{OperationID: "dumpstate", Method: http.MethodGet, Path: "/boot/v1/dumpstate",
		Summary: "Show all hosts and all boot parameters", Tags: []string{"dumpstate"}},
		func(ctx context.Context, _ *struct{}) (*dumpOutput, error) {
			out := &dumpOutput{}
			var err error
			if out.Body.Components, err = s.inventory.all(ctx); err != nil {
				return nil, err
			}
			out.Body.Params, err = s.List(ctx, BootParameters{})
			return out, err
		})
	httpapi.Handle(api, huma.Operation{OperationID: "list-endpoint-history", Method: http.MethodGet,
		Path: "/boot/v1/endpoint-history", Summary: "Tell when hosts last asked for script and user-data",
		Tags: []string{"endpoint-history"}},
		func(ctx context.Context, in *historyInput) (*historyOutput, error) {
			list, err := s.EndpointHistory(ctx, in.Name, in.Endpoint)
			return &historyOutput{Body: list}, err
		})
}

// listHosts returns the hosts that are selected, all when nothing is. A host
// that is selected twice comes twice; one that HSM does not know, not at all,
// and if it knows none of them that is a fault.NotFound.
func (s *Service) listHosts(ctx context.Context, q Selection) ([]Component, error) {
	if q == (Selection{}) {
		return s.inventory.all(ctx)
	}
	names, err := s.selected(ctx, q)
	if err != nil {
		return nil, err
	}
	out := []Component{}
	for _, name := range names {
		c, err := s.inventory.full(ctx, name)
		if err != nil {
			return nil, err
		}
		if c.ID != "" {
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return nil, fault.New(fault.NotFound, "HSM knows none of the hosts: %s", strings.Join(names, ", "))
	}
	return out, nil
}
