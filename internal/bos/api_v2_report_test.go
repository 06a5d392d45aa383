package bos

import (
	"net/http"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/httpapi/quicktest"
)

func TestReportsAreReadQuickly(t *testing.T) {
	const own = "/v2/components/x1c0s0b0n0"
	tenant := func(name string) http.Header { return http.Header{"Cray-Tenant-Name": {name}} }
	long := strings.Repeat("t", 200)
	quicktest.Same(t, huma.Operation{OperationID: "patch", Method: http.MethodPatch, Path: "/v2/components/{component_id}"}, quickReport,
		func(api huma.API) { httpapi.Bound(api, limits); httpapi.RefuseEmpty(api) },
		[]quicktest.Case{
			{Target: own, Body: `{"id":"x1c0s0b0n0","actual_state":{"bss_token":"a-b"}}`, Quick: true},
			{Target: own, Body: `{"actual_state":{"bss_token":""}}`, Quick: true, Header: http.Header{"X-Forwarded-For": {"10.0.0.1, 10.0.0.2"}}},
			{Target: own, Body: `{"actual_state":{"bss_token":"é"}}`, Quick: true, Header: tenant("blue")},
			{Target: own, Body: `{"actual_state":{}}`, Quick: true},
			{Target: "/v2/components/X01C0s0b0n0", Body: `{"actual_state":{"bss_token":"a"}}`, Quick: true},
			{Target: own, Body: `{"id":"","actual_state":{"bss_token":"a"}}`},
			{Target: own, Body: `{"id":"` + long + `","actual_state":{"bss_token":"a"}}`},
			{Target: "/v2/components/" + long, Body: `{"actual_state":{"bss_token":"a"}}`},
			{Target: own, Body: `{"actual_state":{"bss_token":"a"}}`, Header: tenant(long)},
			{Target: own, Body: `{"actual_state":{"bss_token":null}}`},
			{Target: own, Body: `{"actual_state":{"BSS_token":"a"}}`},
			{Target: own, Body: `{"actual_state":{"bss_token":"a","last_updated":"b"}}`},
			{Target: own, Body: `{"actual_state":{"bss_token":1}}`},
			{Target: own, Body: `{"actual_state":"a"}`},
			{Target: own, Body: `{"enabled":true}`},
			{Target: own, Body: `{}`},
			{Target: own, Body: `[]`},
			{Target: own, Body: ``},
			{Target: own + "?x=", Body: `{"actual_state":{"bss_token":"a"}}`},
		}, cmpopts.IgnoreFields(componentInput{}, "RawBody"))
}
