package hsm

import (
	"context"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/redfish"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/xname"
)

// ServiceEndpoint is a service that a controller runs for its clients.
type ServiceEndpoint struct {
	RedfishEndpointID   string      `json:"RedfishEndpointID" doc:"xname of the controller"`
	RedfishType         string      `json:"RedfishType" doc:"Which service it is, such as UpdateService"`
	RedfishSubtype      string      `json:"RedfishSubtype,omitempty" doc:"Finer type, if any"`
	UUID                string      `json:"UUID,omitempty" doc:"UUID of the resource"`
	OdataID             string      `json:"OdataID" doc:"Path of the resource"`
	RedfishEndpointFQDN string      `json:"RedfishEndpointFQDN" doc:"Address of the controller"`
	RedfishURL          string      `json:"RedfishURL" doc:"Address and path of the resource, without scheme"`
	ServiceInfo         ServiceInfo `json:"ServiceInfo" doc:"What the service says of itself"`
}

// ServiceInfo is what a service says of itself.
type ServiceInfo struct {
	Name string `json:"Name,omitempty" doc:"Name of the service"`
}

// endpointServices is the record of one controller's services.
type endpointServices struct {
	ID       string            `json:"id"`
	Services []ServiceEndpoint `json:"services"`
}

var serviceTypes = []string{"AccountService", "EventService", "LogService", "SessionService", "TaskService", "UpdateService"}

// services are those of the controller.
func (m *mapper) services(all []redfish.Service) {
	e := endpointServices{ID: m.endpoint.ID}
	for _, r := range all {
		e.Services = append(e.Services, ServiceEndpoint{RedfishEndpointID: m.endpoint.ID, RedfishType: r.Type, UUID: r.UUID, OdataID: r.OdataID,
			RedfishEndpointFQDN: m.endpoint.FQDN, RedfishURL: redfish.Host(m.endpoint.FQDN) + r.OdataID, ServiceInfo: ServiceInfo{r.Name}})
	}
	m.out.services = append(m.out.services, e)
}

// adoptServices records which services there are. One that could not be read
// stays as it was.
func (s *Service) adoptServices(ctx context.Context, found []endpointServices, unread map[string][]string) error {
	byID := make(map[string]*endpointServices, len(found))
	ids := make([]string, len(found))
	for i := range found {
		ids[i], byID[found[i].ID] = found[i].ID, &found[i]
	}
	_, missing, err := s.services.Update(ctx, ids, func(e *endpointServices) error {
		now := slices.Clone(byID[e.ID].Services)
		for _, was := range e.Services {
			if isUnread(was.OdataID, unread[e.ID]) {
				now = append(now, was)
			}
		}
		if slices.Equal(now, e.Services) {
			return store.ErrUnchanged
		}
		e.Services = now
		return nil
	})
	if err != nil {
		return err
	}
	added := make([]endpointServices, len(missing))
	for i, id := range missing {
		added[i] = *byID[id]
	}
	return s.services.Put(ctx, added...)
}

// ServiceEndpoints returns the services that the parameters select: redfish_ep,
// service.
func (s *Service) ServiceEndpoints(ctx context.Context, p Parameters) ([]ServiceEndpoint, error) {
	ids, err := wantedXnames("redfish_ep", p["redfish_ep"])
	if err != nil {
		return nil, err
	}
	for _, name := range p["service"] {
		if !oneOf(serviceTypes, name) {
			return nil, badQuery("service is '" + name + "', expected one of " + strings.Join(serviceTypes, ", "))
		}
	}
	rows, err := s.services.List(ctx, store.Query{Keys: ids})
	out := []ServiceEndpoint{}
	for i := range rows {
		for _, e := range rows[i].Services {
			if oneOf(p["service"], e.RedfishType) {
				out = append(out, e)
			}
		}
	}
	return out, err
}

// ServiceEndpoint returns one service of a controller.
func (s *Service) ServiceEndpoint(ctx context.Context, service, bmc string) (ServiceEndpoint, error) {
	all, err := s.ServiceEndpoints(ctx, Parameters{"service": {service}, "redfish_ep": {bmc}})
	if err == nil && len(all) == 0 {
		err = fault.New(fault.NotFound, "'%s' has no %s", bmc, service)
	}
	if err != nil {
		return ServiceEndpoint{}, err
	}
	return all[0], nil
}

// DeleteServiceEndpoints removes all services.
func (s *Service) DeleteServiceEndpoints(ctx context.Context) (n int, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		all, err := s.services.List(ctx, store.Query{})
		if err != nil {
			return err
		}
		ids := make([]string, len(all))
		for i := range all {
			ids[i] = all[i].ID
			n += len(all[i].Services)
		}
		_, err = s.services.Delete(ctx, ids...)
		return err
	})
	return n, err
}

// DeleteServiceEndpoint removes one service of a controller.
func (s *Service) DeleteServiceEndpoint(ctx context.Context, service, bmc string) (n int, err error) {
	if _, err := xnames([]string{bmc}); err != nil {
		return 0, err
	}
	_, _, err = s.services.Update(ctx, []string{xname.Normalize(bmc)}, func(e *endpointServices) error {
		before := len(e.Services)
		e.Services = slices.DeleteFunc(e.Services, func(x ServiceEndpoint) bool { return strings.EqualFold(x.RedfishType, service) })
		n = before - len(e.Services)
		return nil
	})
	return n, err
}
