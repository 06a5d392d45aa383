package simulate

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/xname"
)

// perCall bounds the BMCs that HSM is told of in one call.
const perCall = 1000

// Introduce adds the BMCs that HSM does not know from an earlier start, and
// tells it those whose address is another now.
func Introduce(ctx context.Context, h *hsm.Client, bmcs []bmc.Account) error {
	earlier, err := h.RedfishEndpoints(ctx)
	if err != nil {
		return err
	}
	addresses := make(map[string]string, len(earlier))
	for _, e := range earlier {
		addresses[e.ID] = e.FQDN
	}
	var fresh []hsm.RedfishEndpoint
	for _, b := range bmcs {
		switch address, is := addresses[b.Xname]; {
		case !is:
			fresh = append(fresh, hsm.RedfishEndpoint{ID: b.Xname, FQDN: b.Address, User: b.Username, Password: b.Password, RediscoverOnUpdate: true})
		case address != b.Address:
			if err := h.MoveRedfishEndpoint(ctx, b.Xname, b.Address); err != nil {
				return err
			}
		}
	}
	for len(fresh) > 0 {
		n := min(len(fresh), perCall)
		if err := h.AddRedfishEndpoints(ctx, fresh[:n]); err != nil {
			return err
		}
		fresh = fresh[n:]
	}
	return nil
}

// Node is what must be known of a node to group it.
type Node interface {
	Xname() string
	ARM() bool
}

// Group puts the nodes into HSM groups by architecture and cabinet, once HSM
// has found them all; before, it does nothing and done is false.
func Group[N Node](ctx context.Context, h *hsm.Client, nodes []N) (done bool, err error) {
	found, err := h.Components(ctx, url.Values{"type": {string(xname.Node)}})
	if err != nil || len(found) < len(nodes) {
		return false, err
	}
	groups := map[string][]string{}
	for _, n := range nodes {
		arch := "x86_64"
		if n.ARM() {
			arch = "aarch64"
		}
		cabinet, _, _ := strings.Cut(n.Xname(), "c")
		for _, label := range []string{arch, "cabinet_" + cabinet} {
			groups[label] = append(groups[label], n.Xname())
		}
	}
	for label, members := range groups {
		err := h.CreateGroup(ctx, hsm.Group{Label: label, Description: "nodes of this server", Members: hsm.Members{IDs: members}})
		if err != nil && !known(err) {
			return false, err
		}
	}
	return true, nil
}

// known tells whether err says that something exists already.
func known(err error) bool {
	return httpapi.IsStatus(err, http.StatusConflict) || fault.Is(err, fault.Conflict)
}
