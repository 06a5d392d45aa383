package simulate

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/redfish"
	"github.com/drover-hpc/drover/internal/xname"
)

// perCall bounds the BMCs that HSM is told of in one call.
const perCall = 1000

// Introduce adds the BMCs that HSM does not know from an earlier start, and
// tells it those whose address is another now. Where HSM has hardware under the
// name of one of them nothing is changed: its BMC would be lost to the services.
func Introduce(ctx context.Context, h *hsm.Client, bmcs []bmc.Account) error {
	earlier, err := h.RedfishEndpoints(ctx)
	if err != nil {
		return err
	}
	addresses := make(map[string]string, len(earlier))
	for _, e := range earlier {
		addresses[e.ID] = e.FQDN
	}
	if err := takeNoPlace(bmcs, addresses); err != nil {
		return err
	}
	if err := beAlone(ctx, bmcs, addresses); err != nil {
		return err
	}
	var fresh []hsm.RedfishEndpoint
	for _, b := range bmcs {
		switch address, is := addresses[b.Xname]; {
		case !is:
			fresh = append(fresh, hsm.RedfishEndpoint{ID: b.Xname, FQDN: b.Address, User: b.Username, Password: b.Password, RediscoverOnUpdate: true})
		case address != b.Address:
			if err := h.MoveRedfishEndpoint(ctx, b.Xname, b.Address, redfish.Login{Username: b.Username, Password: b.Password}); err != nil {
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

// takeNoPlace refuses BMCs under whose names there are others, at addresses that
// are not of this machine.
func takeNoPlace(bmcs []bmc.Account, addresses map[string]string) error {
	var taken []string
	for _, b := range bmcs {
		if address := addresses[b.Xname]; address != "" && !redfish.OnLoopback(address) {
			taken = append(taken, b.Xname)
		}
	}
	if len(taken) == 0 {
		return nil
	}
	return fault.New(fault.Conflict, "%s is in HSM at %s, which is no address of a simulated BMC (%d such BMCs): simulated nodes do not take the place of hardware. "+
		"Use an HSM without it, or take it out: drover hsm inventory redfishEndpoints delete %s", taken[0], addresses[taken[0]], len(taken), taken[0])
}

// beAlone refuses BMCs of another fleet that runs, which has the same names.
func beAlone(ctx context.Context, bmcs []bmc.Account, addresses map[string]string) error {
	for _, b := range bmcs {
		address := addresses[b.Xname]
		if address == "" || address == b.Address {
			continue
		}
		if answers(ctx, address) {
			return fault.New(fault.Conflict, "%s is in HSM at %s, and a BMC answers there: another fleet of simulated nodes runs (serve --simulate, or simulate). "+
				"Stop it first, or use it", b.Xname, address)
		}
		return nil // a fleet has one port for all
	}
	return nil
}

// answerTimeout is for an address of this machine.
const answerTimeout = 2 * time.Second

// answers tells whether there is a Redfish service.
func answers(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/redfish/v1/", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	var root struct{ RedfishVersion string }
	return json.NewDecoder(resp.Body).Decode(&root) == nil && root.RedfishVersion != ""
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
