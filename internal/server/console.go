package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/pcs"
	"github.com/drover-hpc/drover/internal/redfish"
)

// consoles reads what nodes wrote on their serial consoles from their BMCs.
type consoles struct {
	inventory   pcs.Inventory
	credentials pcs.Credentials
	bmcs        *redfish.Driver
}

// consoleTimeout bounds the reading: who asks why a node hangs should not wait
// long for a BMC that hangs, too.
const consoleTimeout = 5 * time.Second

// last returns the node's last lines, at most so many.
func (c consoles) last(ctx context.Context, node string, lines int) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, consoleTimeout)
	defer cancel()
	found, err := c.inventory.ComponentEndpoints(ctx, []string{node})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fault.New(fault.NotFound, "console of %s: HSM knows no BMC of it; discover it first", node)
	}
	e := found[0]
	login, err := c.credentials.Credentials(ctx, e.RedfishEndpointID)
	if err != nil {
		return nil, err
	}
	out, err := c.bmcs.Console(ctx, e.RedfishEndpointFQDN, login, e.OdataID, lines)
	var refused *redfish.Error
	switch {
	case err == nil:
		return out, nil
	case errors.As(err, &refused) && refused.Status == http.StatusNotFound:
		return nil, fault.New(fault.NotFound, "console of %s: its BMC %s keeps no log of it", node, e.RedfishEndpointID)
	}
	return nil, fault.New(fault.Unavailable, "console of %s: %w", node, err)
}

type consoleInput struct {
	NodePath
	Lines int `query:"lines" minimum:"1" maximum:"10000" default:"100" doc:"at most so many, the last ones"`
}

type consoleOutput struct {
	Body struct {
		Lines []string `json:"lines" doc:"oldest first"`
	}
}

func registerConsole(api huma.API, c consoles) {
	httpapi.Handle(api, huma.Operation{
		OperationID: "get-node-console", Method: http.MethodGet, Path: "/v1/nodes/{xname}/console", Tags: []string{"nodes"},
		Summary: "What a node wrote on its serial console, as its BMC kept it",
	}, func(ctx context.Context, in *consoleInput) (*consoleOutput, error) {
		out := &consoleOutput{}
		lines, err := c.last(ctx, in.Xname, in.Lines)
		if out.Body.Lines = lines; lines == nil {
			out.Body.Lines = []string{}
		}
		return out, err
	})
}
