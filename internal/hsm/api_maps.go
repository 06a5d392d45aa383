package hsm

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/xname"
)

type (
	listServicesInput struct {
		Given
		RedfishEP string `query:"redfish_ep" doc:"xname of the controller"`
		Service   string `query:"service" doc:"Which service, such as UpdateService"`
	}
	listServiceInput struct {
		Given
		Service   string `path:"service" doc:"Which service, such as UpdateService"`
		RedfishEP string `query:"redfish_ep" doc:"xname of the controller"`
	}
	serviceInput struct {
		Service string `path:"service" doc:"Which service, such as UpdateService"`
		Xname   string `path:"xname" doc:"xname of the controller"`
	}
	servicesOutput struct {
		Body struct {
			ServiceEndpoints []ServiceEndpoint `json:"ServiceEndpoints" nullable:"false"`
		}
	}
	serviceOutput struct{ Body ServiceEndpoint }

	nodeMapArray struct {
		NodeMaps []NodeMap `json:"NodeMaps" required:"false" nullable:"false" doc:"Nodes and what they are given"`
	}
	nodeMapsInput   struct{ Body nodeMapArray }
	nodeMapsOutput  struct{ Body nodeMapArray }
	putNodeMapInput struct {
		Xname string `path:"xname" doc:"xname of the node"`
		Body  nodeMapAt
	}
	nodeMapOutput    struct{ Body NodeMap }
	powerMapsInput   struct{ Body []PowerMap }
	powerMapsOutput  struct{ Body []PowerMap }
	putPowerMapInput struct {
		Xname string `path:"xname" doc:"xname of the component"`
		Body  powerMapAt
	}
	powerMapOutput struct{ Body PowerMap }
)

// The maps as they are sent to the path of what they are of.
type (
	nodeMapAt struct {
		ID      string `json:"ID,omitempty" readOnly:"true" hidden:"true" doc:"xname, the same as in the path"`
		NID     *int   `json:"NID" doc:"NID; no two nodes have the same"`
		Role    string `json:"Role,omitempty" doc:"Role; default Compute"`
		SubRole string `json:"SubRole,omitempty" doc:"Subrole"`
	}
	powerMapAt struct {
		ID        string   `json:"id,omitempty" readOnly:"true" hidden:"true" doc:"xname, the same as in the path"`
		PoweredBy []string `json:"poweredBy" doc:"xnames of what feeds it, such as outlets of a PDU"`
	}
)

func registerServiceEndpoints(api huma.API, s *Service) {
	const tag, path = "ServiceEndpoint", "/Inventory/ServiceEndpoints"
	httpapi.Handle(api, operation("list-service-endpoints", http.MethodGet, path, "List services of controllers", tag),
		func(ctx context.Context, in *listServicesInput) (*servicesOutput, error) {
			out := &servicesOutput{}
			var err error
			out.Body.ServiceEndpoints, err = s.ServiceEndpoints(ctx, in.parameters())
			return out, err
		})
	httpapi.Handle(api, operation("delete-service-endpoints", http.MethodDelete, path, "Delete all services of controllers", tag,
		"cli_danger$This will delete all service endpoints, continue?"),
		func(ctx context.Context, _ *nothing) (*messageOutput, error) {
			n, err := s.DeleteServiceEndpoints(ctx)
			return deleted(n, err, errNoEntries)
		})
	httpapi.Handle(api, operation("list-service-endpoints-of", http.MethodGet, path+"/{service}", "List one service of all controllers", tag),
		func(ctx context.Context, in *listServiceInput) (*servicesOutput, error) {
			out, p := &servicesOutput{}, in.parameters()
			p["service"] = []string{in.Service}
			var err error
			out.Body.ServiceEndpoints, err = s.ServiceEndpoints(ctx, p)
			return out, err
		})
	const one = path + "/{service}/RedfishEndpoints/{xname}"
	httpapi.Handle(api, operation("get-service-endpoint", http.MethodGet, one, "Describe a service of a controller", tag),
		func(ctx context.Context, in *serviceInput) (*serviceOutput, error) {
			e, err := s.ServiceEndpoint(ctx, in.Service, in.Xname)
			return &serviceOutput{e}, err
		})
	httpapi.Handle(api, operation("delete-service-endpoint", http.MethodDelete, one, "Delete a service of a controller", tag),
		func(ctx context.Context, in *serviceInput) (*messageOutput, error) {
			n, err := s.DeleteServiceEndpoint(ctx, in.Service, in.Xname)
			return deleted(n, err, errNoEntries)
		})
}

func registerNodeMaps(api huma.API, s *Service) {
	const tag, path = "NodeMap", "/Defaults/NodeMaps"
	httpapi.Handle(api, operation("list-node-maps", http.MethodGet, path, "List defaults of nodes", tag),
		func(ctx context.Context, _ *nothing) (*nodeMapsOutput, error) {
			all, err := s.NodeMaps(ctx)
			return &nodeMapsOutput{nodeMapArray{all}}, err
		})
	httpapi.Handle(api, httpapi.Bulk(answering(operation("post-node-maps", http.MethodPost, path, "Add or change defaults of nodes", tag), http.StatusOK)),
		func(ctx context.Context, in *nodeMapsInput) (*messageOutput, error) {
			return counted("Created/Modified", len(in.Body.NodeMaps), s.SetNodeMaps(ctx, in.Body.NodeMaps))
		})
	httpapi.Handle(api, operation("delete-node-maps", http.MethodDelete, path, "Delete all defaults of nodes", tag,
		"cli_danger$This will delete all node maps, continue?"),
		func(ctx context.Context, _ *nothing) (*messageOutput, error) {
			n, err := s.DeleteNodeMaps(ctx, nil)
			return deleted(n, err, errNoEntries)
		})
	httpapi.Handle(api, operation("get-node-map", http.MethodGet, path+"/{xname}", "Describe the defaults of a node", tag),
		func(ctx context.Context, in *xnameInput) (*nodeMapOutput, error) {
			m, err := s.NodeMap(ctx, in.Xname)
			return &nodeMapOutput{m}, err
		})
	httpapi.Handle(api, operation("put-node-map", http.MethodPut, path+"/{xname}", "Set the defaults of a node", tag),
		func(ctx context.Context, in *putNodeMapInput) (*nodeMapOutput, error) {
			if err := sameXname(in.Xname, &in.Body.ID); err != nil {
				return nil, err
			}
			if err := s.SetNodeMaps(ctx, []NodeMap{NodeMap(in.Body)}); err != nil {
				return nil, err
			}
			m, err := s.NodeMap(ctx, in.Xname)
			return &nodeMapOutput{m}, err
		})
	httpapi.Handle(api, operation("delete-node-map", http.MethodDelete, path+"/{xname}", "Delete the defaults of a node", tag),
		func(ctx context.Context, in *xnameInput) (*messageOutput, error) {
			return deleteXname(in.Xname, func(ids []string) (int, error) { return s.DeleteNodeMaps(ctx, ids) })
		})
}

func registerPowerMaps(api huma.API, s *Service) {
	const tag, path = "PowerMap", "/sysinfo/powermaps"
	httpapi.Handle(api, operation("list-power-maps", http.MethodGet, path, "List what components get their power from", tag),
		func(ctx context.Context, _ *nothing) (*powerMapsOutput, error) {
			all, err := s.PowerMaps(ctx)
			return &powerMapsOutput{all}, err
		})
	httpapi.Handle(api, httpapi.Bulk(answering(operation("post-power-maps", http.MethodPost, path, "Add or change what components get their power from", tag), http.StatusOK)),
		func(ctx context.Context, in *powerMapsInput) (*messageOutput, error) {
			return counted("Created/Modified", len(in.Body), s.SetPowerMaps(ctx, in.Body))
		})
	httpapi.Handle(api, operation("delete-power-maps", http.MethodDelete, path, "Delete all power maps", tag, "cli_ignore"),
		func(ctx context.Context, _ *nothing) (*messageOutput, error) {
			n, err := s.DeletePowerMaps(ctx, nil)
			return deleted(n, err, errNoEntries)
		})
	httpapi.Handle(api, operation("get-power-map", http.MethodGet, path+"/{xname}", "Describe what a component gets its power from", tag),
		func(ctx context.Context, in *xnameInput) (*powerMapOutput, error) {
			m, err := s.PowerMap(ctx, in.Xname)
			return &powerMapOutput{m}, err
		})
	httpapi.Handle(api, operation("put-power-map", http.MethodPut, path+"/{xname}", "Set what a component gets its power from", tag),
		func(ctx context.Context, in *putPowerMapInput) (*messageOutput, error) {
			if err := sameXname(in.Xname, &in.Body.ID); err != nil {
				return nil, err
			}
			return counted("Created/Modified", 1, s.SetPowerMaps(ctx, []PowerMap{PowerMap(in.Body)}))
		})
	httpapi.Handle(api, operation("delete-power-map", http.MethodDelete, path+"/{xname}", "Delete a power map", tag),
		func(ctx context.Context, in *xnameInput) (*messageOutput, error) {
			return deleteXname(in.Xname, func(ids []string) (int, error) { return s.DeletePowerMaps(ctx, ids) })
		})
}

// sameXname puts the name of the path into a body that names none, and refuses
// one that names another.
func sameXname(path string, id *string) error {
	if *id == "" {
		*id = path
	}
	if xname.Normalize(*id) != xname.Normalize(path) {
		return fault.New(fault.Invalid, "xname in path and ID do not match: '%s', '%s'", path, *id)
	}
	return nil
}
