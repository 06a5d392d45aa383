package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/bss"
	"github.com/drover-hpc/drover/internal/doctor"
	"github.com/drover-hpc/drover/internal/pcs"
	"github.com/drover-hpc/drover/internal/xname"
)

const (
	// sampled is how many BMCs are looked at.
	sampled = 20
	// toldReasons bounds what is told of BMCs that are not well.
	toldReasons = 3
)

// checkBMCs looks at some BMCs, as discovery and PCS know them: these are not asked.
func (s *session) checkBMCs(ctx context.Context) (doctor.Status, string, string) {
	var list struct{ RedfishEndpoints []endpoint }
	if err := s.get(ctx, hsmInventory+"/RedfishEndpoints", &list); err != nil {
		return silent("HSM does not tell of BMCs", err)
	}
	all := slices.DeleteFunc(list.RedfishEndpoints, func(e endpoint) bool { return !e.Enabled })
	if len(all) == 0 {
		return doctor.Warning, "HSM knows none", "`drover discover ADDRESS` finds them"
	}
	slices.SortFunc(all, func(a, b endpoint) int { return xname.Compare(a.ID, b.ID) })
	some := make([]endpoint, min(len(all), sampled))
	for i := range some {
		some[i] = all[i*len(all)/len(some)]
	}
	wrong, err := s.mute(ctx, some)
	if err != nil {
		return silent("PCS does not tell of power", err)
	}
	for i := range some {
		if d := some[i].DiscoveryInfo; d != nil && d.LastDiscoveryStatus != "DiscoverOK" {
			wrong[some[i].ID] = strings.TrimSuffix("discovery: "+cmp.Or(d.LastDiscoveryStatus, "none yet")+": "+d.LastDiscoveryError, ": ")
		}
	}
	words := fmt.Sprintf("%d of %d are well", len(some)-len(wrong), len(some))
	if len(some) < len(all) {
		words += fmt.Sprintf(", a sample of %d", len(all))
	}
	switch {
	case len(wrong) == 0:
		return doctor.OK, words, ""
	case len(wrong) == len(some):
		return doctor.Failed, words + "; " + reasons(wrong), "see the network to the BMCs, their password (`drover discover`) and certificates (--bmc-certificates)"
	}
	return doctor.Warning, words + "; " + reasons(wrong), "see their network and power; `drover discover` gives another password"
}

// silent judges a service that does not tell what it is asked.
func silent(what string, err error) (doctor.Status, string, string) {
	var answer *refusal
	if errors.As(err, &answer) && (answer.status == http.StatusForbidden || answer.status == http.StatusUnauthorized) {
		return doctor.Warning, what + ": " + err.Error(), "a token with the right to read is told"
	}
	return doctor.Failed, what + ": " + err.Error(), "see whether it runs, and the server's log"
}

// mute are the BMCs of which PCS cannot use one of the nodes, and what it says.
func (s *session) mute(ctx context.Context, bmcs []endpoint) (map[string]string, error) {
	ids := make([]string, len(bmcs))
	for i := range bmcs {
		ids[i] = bmcs[i].ID
	}
	wrong := map[string]string{}
	nodes, err := s.nodesBelow(ctx, ids)
	if err != nil || len(nodes) == 0 {
		return wrong, err
	}
	var answer struct{ Status []pcs.PowerStatus }
	if err := s.call(ctx, http.MethodPost, powerStatusPath, map[string]any{"xname": nodes}, &answer); err != nil {
		return nil, err
	}
	for i := range answer.Status {
		one := &answer.Status[i]
		if one.ManagementState == pcs.Unavailable || one.Error != "" {
			bmc := ids[max(0, slices.IndexFunc(ids, func(id string) bool { return xname.Within(one.Xname, id) }))]
			wrong[bmc] = cmp.Or(strings.ReplaceAll(one.Error, one.Xname, "its node"), "it does not answer PCS")
		}
	}
	return wrong, nil
}

// reasons are names by what is said of them.
func reasons(of map[string]string) string {
	byReason := map[string][]string{}
	for name, reason := range of {
		byReason[reason] = append(byReason[reason], name)
	}
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(byReason)) {
		if len(parts) == toldReasons {
			parts = append(parts, "and more")
			break
		}
		slices.SortFunc(byReason[reason], xname.Compare)
		parts = append(parts, xname.Fold(byReason[reason])+": "+reason)
	}
	return strings.Join(parts, "; ")
}

// checkScripts tells whether nodes find the way here, which is DHCP's to say: that answers
// to nobody else.
func (s *session) checkScripts(ctx context.Context) (doctor.Status, string, string) {
	var history []bss.EndpointAccess
	if err := s.get(ctx, "/apis/bss/boot/v1/endpoint-history", &history); err != nil {
		return silent("BSS does not tell of boot scripts", err)
	}
	var last *bss.EndpointAccess
	lately := 0
	for i := range history {
		h := &history[i]
		if h.Endpoint != "bootscript" || h.LastEpoch == 0 {
			continue
		}
		if time.Since(time.Unix(h.LastEpoch, 0)) < 24*time.Hour {
			lately++
		}
		if last == nil || h.LastEpoch > last.LastEpoch {
			last = h
		}
	}
	if last == nil {
		return doctor.Warning, "no node has ever asked for one", "DHCP has to send nodes here, which Drover does not answer itself: see docs/install.md. `drover console NODE` shows how far a node comes"
	}
	return doctor.OK, fmt.Sprintf("the last was for %s, %s ago; %d nodes asked within a day", last.Name, time.Since(time.Unix(last.LastEpoch, 0)).Round(time.Second), lately), ""
}
