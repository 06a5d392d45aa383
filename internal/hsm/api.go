package hsm

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/httpapi"
)

// Register adds the operations to api; s may be nil when only their
// description is wanted.
func Register(api huma.API, s *Service) {
	registerService(api, s)
	registerComponents(api, s)
	registerComponentPatches(api, s)
	registerGroups(api, s)
	registerPartitions(api, s)
	registerLocks(api, s)
	registerReservations(api, s)
	registerRedfishEndpoints(api, s)
	registerDiscovery(api, s)
	registerComponentEndpoints(api, s)
	registerEthernetInterfaces(api, s)
	registerIPAddresses(api, s)
	registerHardware(api, s)
	registerFRUs(api, s)
	registerPlaceHistory(api, s)
	registerPartHistory(api, s)
	registerServiceEndpoints(api, s)
	registerNodeMaps(api, s)
	registerPowerMaps(api, s)
	registerSubscriptions(api, s)
}

type valuesOutput struct{ Body Values }

func registerService(api huma.API, s *Service) {
	const tag = "Service Info"
	httpapi.Handle(api, operation("get-ready", http.MethodGet, "/service/ready", "Tell whether the service can work", tag),
		func(ctx context.Context, _ *nothing) (*messageOutput, error) {
			return &messageOutput{message{0, "HSM is healthy"}}, s.Ready(ctx)
		})
	httpapi.Handle(api, operation("get-liveness", http.MethodGet, "/service/liveness", "Tell whether the service runs", tag),
		func(context.Context, *nothing) (*nothing, error) { return nil, nil })
	httpapi.Handle(api, operation("get-values", http.MethodGet, "/service/values", "List the words that fields may hold", tag),
		func(context.Context, *nothing) (*valuesOutput, error) { return &valuesOutput{s.words}, nil })
	for name, one := range map[string]func(v Values) Values{
		"Arch": func(v Values) Values { return Values{Arch: v.Arch} }, "Class": func(v Values) Values { return Values{Class: v.Class} },
		"Flag": func(v Values) Values { return Values{Flag: v.Flag} }, "NetType": func(v Values) Values { return Values{NetType: v.NetType} },
		"Role": func(v Values) Values { return Values{Role: v.Role} }, "SubRole": func(v Values) Values { return Values{SubRole: v.SubRole} },
		"State": func(v Values) Values { return Values{State: v.State} }, "Type": func(v Values) Values { return Values{Type: v.Type} },
	} {
		word := strings.ToLower(name)
		httpapi.Handle(api, operation("get-values-"+word, http.MethodGet, "/service/values/"+word,
			"List the words that "+name+" may hold", tag),
			func(context.Context, *nothing) (*valuesOutput, error) { return &valuesOutput{one(s.words)}, nil })
	}
}
