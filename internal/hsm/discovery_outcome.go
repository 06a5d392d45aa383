package hsm

import (
	"encoding/json"
	"errors"
	"log/slog"

	"github.com/drover-hpc/drover/internal/redfish"
	"github.com/drover-hpc/drover/internal/xname"
)

// outcome is what a walk amounts to.
type outcome struct {
	status string
	words  string   // why it failed
	gaps   []string // what could not be read though it did not fail
}

// outcomeOf judges the walk of an endpoint.
func outcomeOf(r *result, f *finding) outcome {
	var syntax *json.SyntaxError
	var mismatch *json.UnmarshalTypeError
	e, o := &r.walk.endpoint, outcome{status: DiscoverOK}
	for _, p := range r.inventory.Problems {
		o.gaps = append(o.gaps, p.Text)
	}
	switch {
	case errors.As(r.err, &syntax) || errors.As(r.err, &mismatch):
		o.status, o.words = EPResponseFailedDecode, redfish.Describe(r.err)
	case r.err != nil:
		o.status, o.words = HTTPsGetFailed, redfish.Describe(r.err)
	case e.Type == string(xname.NodeBMC) && len(nodes(r.inventory.Systems)) == 0:
		o.status, o.words = ChildVerificationFailed, "the BMC lists no system that is a node at /redfish/v1/Systems"
	case len(f.components) == 0:
		o.status, o.words = ChildVerificationFailed, "the BMC lists neither a manager nor a chassis that a "+e.Type+" has"
	}
	return o
}

// log tells what is not as it should be.
func (o outcome) log(e *RedfishEndpoint) {
	switch {
	case o.status != DiscoverOK:
		slog.Warn("discovery failed", "bmc", e.ID, "address", e.FQDN, "status", o.status, "reason", o.words)
	case len(o.gaps) > 0:
		slog.Warn("discovered with gaps", "bmc", e.ID, "address", e.FQDN, "not_read", o.gaps)
	}
}
