package cfs

import (
	"net/http"

	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/xname"
)

// quickReport is how the report of a node that has booted gets in: that nothing
// is configured yet, and that it wants to be.
var quickReport = httpapi.Quick[changeComponentInput, componentOutput]{
	Read:   readReport,
	Answer: func(out *componentOutput) any { return &out.Body },
}

func readReport(r *http.Request, text []byte, in *changeComponentInput) bool {
	id := r.PathValue("component_id")
	if id == "" || r.URL.RawQuery != "" {
		return false
	}
	in.ID = xname.Canonical(id)
	return httpapi.Members(text, func(name, value []byte) bool {
		switch string(name) {
		case "state":
			in.Body.State = &[]StateInput{}
			return httpapi.Items(value, func([]byte) bool { return false }) // an empty list
		case "enabled":
			enabled, is := httpapi.Flag(value)
			in.Body.Enabled = &enabled
			return is
		}
		return false
	})
}
