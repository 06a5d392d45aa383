package hsm

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

type (
	listRedfishEndpointsInput struct {
		Given
		ID         string `query:"id" doc:"xname of the controller"`
		FQDN       string `query:"fqdn" doc:"Address"`
		Type       string `query:"type" doc:"Type of the controller"`
		UUID       string `query:"uuid" doc:"UUID of the Redfish service"`
		MACAddr    string `query:"macaddr" doc:"MAC address"`
		IPAddress  string `query:"ipaddress" doc:"IP address"`
		LastStatus string `query:"laststatus" doc:"Status of the last discovery"`
	}
	createRedfishEndpointInput struct {
		Body    RedfishEndpoint
		RawBody []byte // one endpoint, or an object with a list of them
	}
	changeRedfishEndpointInput struct {
		Xname   string `path:"xname" doc:"xname of the controller"`
		Body    RedfishEndpoint
		RawBody []byte // as sent: what is absent stays
	}
	redfishEndpointsOutput struct{ Body redfishEndpointArray }
	redfishEndpointOutput  struct{ Body RedfishEndpoint }

	discoverInput struct {
		Body struct {
			Xnames []string `json:"xnames,omitempty" doc:"Controllers to discover; none means all"`
			Force  bool     `json:"force,omitempty" doc:"Start again where a discovery is under way"`
		} `required:"false"`
	}
	discoverOutput       struct{ Body []resourceURI }
	discoveryStatusInput struct {
		ID string `path:"id" doc:"0"`
	}
	discoveryStatusOutput  struct{ Body DiscoveryStatus }
	discoveryStatusesOut   struct{ Body []DiscoveryStatus }
	listCompEndpointsInput struct {
		Given
		ID          string `query:"id" doc:"xname"`
		RedfishEP   string `query:"redfish_ep" doc:"xname of the controller"`
		Type        string `query:"type" doc:"Type"`
		RedfishType string `query:"redfish_type" doc:"Type of the Redfish resource"`
	}
	compEndpointsOutput struct{ Body componentEndpointArray }
	compEndpointOutput  struct{ Body ComponentEndpoint }
)

const redfishEndpointsPath = "/Inventory/RedfishEndpoints"

func registerRedfishEndpoints(api huma.API, s *Service) {
	const tag, path = "RedfishEndpoint", redfishEndpointsPath
	httpapi.Handle(api, operation("list-redfish-endpoints", http.MethodGet, path, "List Redfish endpoints", tag),
		func(ctx context.Context, in *listRedfishEndpointsInput) (*redfishEndpointsOutput, error) {
			all, err := s.RedfishEndpoints(ctx, in.parameters())
			return &redfishEndpointsOutput{redfishEndpointArray{all}}, err
		})
	httpapi.Handle(api, httpapi.Bulk(answering(operation("create-redfish-endpoint", http.MethodPost, path, "Add a Redfish endpoint", tag), http.StatusCreated)),
		func(ctx context.Context, in *createRedfishEndpointInput) (*createdOutput, error) {
			given, err := postedEndpoints(in.RawBody)
			if err != nil {
				return nil, err
			}
			ids, err := s.AddRedfishEndpoints(ctx, given)
			for i := range ids {
				ids[i] = path + "/" + ids[i]
			}
			return created(ids...), err
		})
	httpapi.Handle(api, operation("delete-redfish-endpoints", http.MethodDelete, path, "Delete all Redfish endpoints", tag,
		"cli_danger$This will delete all Redfish endpoints in HSM, continue?"),
		func(ctx context.Context, _ *nothing) (*messageOutput, error) {
			n, err := s.DeleteRedfishEndpoints(ctx, nil)
			return deleted(n, err, errNoEntries)
		})
	httpapi.Handle(api, operation("get-redfish-endpoint", http.MethodGet, path+"/{xname}", "Describe a Redfish endpoint", tag),
		func(ctx context.Context, in *xnameInput) (*redfishEndpointOutput, error) {
			e, err := s.RedfishEndpoint(ctx, in.Xname)
			return &redfishEndpointOutput{e}, err
		})
	httpapi.Handle(api, operation("query-redfish-endpoint", http.MethodGet, path+"/Query/{xname}", "List a Redfish endpoint", tag),
		func(ctx context.Context, in *xnameInput) (*redfishEndpointsOutput, error) {
			all, err := s.RedfishEndpoints(ctx, Parameters{"id": {in.Xname}})
			return &redfishEndpointsOutput{redfishEndpointArray{all}}, err
		})
	httpapi.Handle(api, operation("delete-redfish-endpoint", http.MethodDelete, path+"/{xname}", "Delete a Redfish endpoint", tag),
		func(ctx context.Context, in *xnameInput) (*messageOutput, error) {
			ids, err := xnames([]string{in.Xname})
			if err != nil {
				return nil, err
			}
			n, err := s.DeleteRedfishEndpoints(ctx, ids)
			return deleted(n, err, errNoXname)
		})
	httpapi.Handle(api, operation("put-redfish-endpoint", http.MethodPut, path+"/{xname}", "Replace a Redfish endpoint", tag, "cli_ignore"),
		func(ctx context.Context, in *changeRedfishEndpointInput) (*redfishEndpointOutput, error) {
			e, err := s.ChangeRedfishEndpoint(ctx, in.Xname, in.RawBody, true)
			return &redfishEndpointOutput{e}, err
		})
	httpapi.Handle(api, operation("patch-redfish-endpoint", http.MethodPatch, path+"/{xname}", "Change a Redfish endpoint", tag),
		func(ctx context.Context, in *changeRedfishEndpointInput) (*redfishEndpointOutput, error) {
			e, err := s.ChangeRedfishEndpoint(ctx, in.Xname, in.RawBody, false)
			return &redfishEndpointOutput{e}, err
		})
}

// postedEndpoints reads one endpoint, or an object with a list of them.
func postedEndpoints(body []byte) ([]PostedEndpoint, error) {
	var many struct{ RedfishEndpoints []PostedEndpoint }
	var one PostedEndpoint
	err := json.Unmarshal(body, &many)
	if err == nil && many.RedfishEndpoints == nil {
		err = json.Unmarshal(body, &one)
		many.RedfishEndpoints = []PostedEndpoint{one}
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "error decoding JSON: %w", err)
	}
	return many.RedfishEndpoints, nil
}

func registerDiscovery(api huma.API, s *Service) {
	const path = "/Inventory/DiscoveryStatus"
	httpapi.Handle(api, answering(operation("discover", http.MethodPost, "/Inventory/Discover", "Discover Redfish endpoints", "Discover"), http.StatusOK),
		func(ctx context.Context, in *discoverInput) (*discoverOutput, error) {
			return &discoverOutput{[]resourceURI{{uriBase + path + "/0"}}}, s.Discover(ctx, in.Body.Xnames, in.Body.Force)
		})
	httpapi.Handle(api, operation("list-discovery-status", http.MethodGet, path, "Tell how far discovery is", "DiscoveryStatus"),
		func(ctx context.Context, _ *nothing) (*discoveryStatusesOut, error) {
			d, err := s.DiscoveryStatus(ctx)
			return &discoveryStatusesOut{[]DiscoveryStatus{d}}, err
		})
	httpapi.Handle(api, operation("get-discovery-status", http.MethodGet, path+"/{id}", "Tell how far discovery is", "DiscoveryStatus"),
		func(ctx context.Context, in *discoveryStatusInput) (*discoveryStatusOutput, error) {
			if in.ID != "0" {
				return nil, fault.New(fault.NotFound, "no such DiscoveryStatus ID: %s", in.ID)
			}
			d, err := s.DiscoveryStatus(ctx)
			return &discoveryStatusOutput{d}, err
		})
}

func registerComponentEndpoints(api huma.API, s *Service) {
	const tag, path = "ComponentEndpoint", "/Inventory/ComponentEndpoints"
	httpapi.Handle(api, operation("list-component-endpoints", http.MethodGet, path, "List component endpoints", tag),
		func(ctx context.Context, in *listCompEndpointsInput) (*compEndpointsOutput, error) {
			all, err := s.ComponentEndpoints(ctx, in.parameters())
			return &compEndpointsOutput{componentEndpointArray{all}}, err
		})
	httpapi.Handle(api, operation("delete-component-endpoints", http.MethodDelete, path, "Delete all component endpoints", tag,
		"cli_danger$This will delete all component endpoints, continue?"),
		func(ctx context.Context, _ *nothing) (*messageOutput, error) {
			n, err := s.DeleteComponentEndpoints(ctx, nil)
			return deleted(n, err, errNoEntries)
		})
	httpapi.Handle(api, operation("get-component-endpoint", http.MethodGet, path+"/{xname}", "Describe a component endpoint", tag),
		func(ctx context.Context, in *xnameInput) (*compEndpointOutput, error) {
			e, err := s.ComponentEndpoint(ctx, in.Xname)
			return &compEndpointOutput{e}, err
		})
	httpapi.Handle(api, operation("delete-component-endpoint", http.MethodDelete, path+"/{xname}", "Delete a component endpoint", tag),
		func(ctx context.Context, in *xnameInput) (*messageOutput, error) {
			ids, err := xnames([]string{in.Xname})
			if err != nil {
				return nil, err
			}
			n, err := s.DeleteComponentEndpoints(ctx, ids)
			return deleted(n, err, errNoXname)
		})
}
