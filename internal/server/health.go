package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/explain"
	"github.com/drover-hpc/drover/internal/explain/gather"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// healthTimeout bounds the asking: who asks for a node's health should not wait
// long for a service that hangs.
const healthTimeout = 5 * time.Second

type nodeHealthOutput struct{ Body explain.Health }

// registerHealth adds the verdict on a node: what `drover explain` says first.
func registerHealth(api huma.API, services gather.Services, now func() time.Time) {
	httpapi.Handle(api, huma.Operation{
		OperationID: "get-node-health", Method: http.MethodGet, Path: "/v1/nodes/{xname}/health", Tags: []string{"nodes"},
		Summary: "All that is known of a node, in a word and in a sentence",
	}, func(ctx context.Context, in *NodePath) (*nodeHealthOutput, error) {
		ctx, cancel := context.WithTimeout(ctx, healthTimeout)
		defer cancel()
		facts, err := gather.Facts(ctx, services, in.Xname, now)
		if err != nil {
			return nil, err
		}
		if facts.Component == nil && facts.Unknown["bos"] == "" {
			return nil, fault.New(fault.NotFound, "node %s is not known to the boot service", facts.Node)
		}
		return &nodeHealthOutput{Body: explain.Judge(facts)}, nil
	})
}

// nodeServices are those that know of nodes, embedded or not.
func (s *Server) nodeServices() gather.Services {
	c := &s.config
	return gather.Services{BOS: ask(s.client("BOS", bosPrefix, "")), CFS: ask(s.client("CFS", cfsPrefix, "")),
		PCS: ask(s.client("PCS", pcsPrefix, c.PCS)), HSM: ask(s.client("HSM", hsmPrefix, c.HSM)), Drover: ask(s.client("Drover", nativePrefix, ""))}
}

// ask calls the service once; one that is away is not told of.
func ask(c *httpapi.Client) gather.Ask {
	c.Retries = 0
	return func(ctx context.Context, method, path string, in, out any) error {
		_, err := c.Do(ctx, method, path, nil, in, out)
		var answer *httpapi.StatusError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &answer):
			return &gather.Answer{Status: answer.Status, Words: answer.Title + ": " + answer.Detail}
		}
		return &gather.Answer{Words: err.Error()}
	}
}
