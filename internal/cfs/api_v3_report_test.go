package cfs

import (
	"net/http"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/httpapi/quicktest"
)

func TestReportsAreReadQuickly(t *testing.T) {
	const own = "/v3/components/x1c0s0b0n0"
	quicktest.Same(t, operation("patch", http.MethodPatch, "/v3/components/{component_id}", "", http.StatusOK), quickReport,
		func(api huma.API) { httpapi.Bound(api, limits); httpapi.RefuseEmpty(api) },
		[]quicktest.Case{
			{Target: own, Body: `{"state":[],"enabled":true}`, Quick: true},
			{Target: own, Body: `{"enabled":false}`, Quick: true},
			{Target: "/v3/components/X01c0s0b0n0", Body: `{ "state" : [ ] }`, Quick: true},
			{Target: own, Body: `{}`, Quick: true},
			{Target: own, Body: `{"state":null,"enabled":true}`},
			{Target: own, Body: `{"state":[{}]}`},
			{Target: own, Body: `{"state":[{"clone_url":"u","playbook":"p","commit":"c","status":"applied","session_name":"s"}]}`},
			{Target: own, Body: `{"enabled":"true"}`},
			{Target: own, Body: `{"Enabled":true}`},
			{Target: own, Body: `{"enabled":true,"enabled":false}`},
			{Target: own, Body: `{"desired_config":"c"}`},
			{Target: own, Body: `{"enabled":true`},
			{Target: own, Body: ``},
			{Target: own + "?x=", Body: `{"enabled":true}`},
		})
}
