package bos

import (
	"context"
	"net/http"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/xname"
)

// quickReport is how the report of a node gets in: its own name and the token
// that it booted with.
var quickReport = httpapi.Quick[componentInput, componentOutput]{
	Read:   readReport,
	Answer: func(out *componentOutput) any { return &out.Body },
}

func readReport(r *http.Request, text []byte, in *componentInput) bool {
	id, tenant := r.PathValue("component_id"), r.Header.Get("Cray-Tenant-Name")
	if id == "" || len(id) > maxComponentID || len(tenant) > httpapi.MaxTenantName || r.URL.RawQuery != "" {
		return false
	}
	in.Caller, in.ID, in.Tenant = httpapi.CallerOf(r), xname.Canonical(id), tenant
	whole := httpapi.Members(text, func(name, value []byte) (ok bool) {
		switch string(name) {
		case "id":
			in.Body.ID, ok = httpapi.Text(value)
			return ok && in.Body.ID != "" && len(in.Body.ID) <= maxComponentID
		case "actual_state":
			in.Body.ActualState = &ActualPatch{}
			return httpapi.Members(value, in.Body.ActualState.readToken)
		}
		return false
	})
	return whole && in.Body.ActualState != nil
}

// readToken takes the one member that a node reports.
func (p *ActualPatch) readToken(name, value []byte) bool {
	token, is := httpapi.Text(value)
	p.BSSToken = &token
	return is && string(name) == "bss_token"
}

// onlyReports refuses what a node wants to change of itself beyond what it runs: what
// it shall boot, links to which it is given, is for others to say.
func onlyReports(ctx context.Context, p ComponentPatch) error {
	who := auth.Of(ctx)
	if who == nil || who.Role != auth.Node || p == (ComponentPatch{ID: p.ID, ActualState: p.ActualState}) {
		return nil
	}
	return fault.New(fault.Forbidden, "%s reports of itself: expected no more than actual_state", who.Name)
}
