package cli

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/bos"
	v1 "github.com/drover-hpc/drover/internal/bos/v1"
	"github.com/drover-hpc/drover/internal/bss"
	"github.com/drover-hpc/drover/internal/capmc"
	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/ims"
)

// register is a service's Register without a service: it only declares.
func register[S any](declare func(huma.API, *S)) func(huma.API) {
	return func(api huma.API) { declare(api, nil) }
}

// hsmVerbs are the Hardware State Manager's own words.
var hsmVerbs = map[string]string{"PUT": "replace", "DELETE collection": "clear"}

func modules() []module {
	all := "deleteall"
	return []module{
		{name: "bos", short: "Boot nodes: session templates, sessions, components", prefix: "/apis/bos", register: func(api huma.API) {
			bos.Register(api, nil)
			v1.Register(api, nil)
		}, versions: []version{{"v2", "/v2", editBOS}, {"v1", "/v1", editBOS1}}},
		{name: "cfs", short: "Configure nodes: configurations, sessions, components", prefix: "/apis/cfs", register: register(cfs.Register),
			versions: []version{{"v2", "/v2", editCFS2}, {"v3", "/v3", editCFS3}},
			verbs:    map[string]string{"DELETE collection": all}, unversioned: true, add: (*app).addRecords},
		{name: "hsm", short: "Hardware state: components, groups, locks, inventory", prefix: "/apis/smd/hsm/v2", register: register(hsm.Register),
			versions: []version{{"v2", "", editHSM}}, verbs: hsmVerbs},
		{name: "bss", short: "Boot scripts and boot parameters", prefix: "/apis/bss", register: register(bss.Register),
			versions: []version{{"v1", "/boot/v1", editBSS}}, verbs: map[string]string{"PUT": "replace"}},
		{name: "ims", short: "Images", prefix: "/apis/ims", register: register(ims.Register),
			versions: []version{{"v3", "/v3", editIMS}, {"v2", "/v2", editIMS}}, verbs: map[string]string{"DELETE collection": all}, unversioned: true},
		{name: "capmc", short: "Power control as CAPMC had it", prefix: "/apis/capmc/capmc/v1", register: register(capmc.Register),
			versions: []version{{"v1", "", editCAPMC}}},
		{name: "power", short: "Power: transitions, status, caps", prefix: "/apis/power-control",
			versions: []version{{"v1", "/v1", editPower}}, add: (*app).addPowerVerbs},
	}
}
