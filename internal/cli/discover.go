package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/xname"
)

const hsmInventory = "/apis/smd/hsm/v2/Inventory"

// endpoint is a BMC as the Hardware State Manager knows it.
type endpoint struct {
	ID            string         `json:"ID"`
	FQDN          string         `json:"FQDN"`
	User          string         `json:"User,omitempty"`
	Password      string         `json:"Password,omitempty"`
	Enabled       bool           `json:"Enabled"`
	DiscoveryInfo *discoveryInfo `json:"DiscoveryInfo,omitempty"`
}

type discoveryInfo struct {
	LastDiscoveryAttempt string
	LastDiscoveryStatus  string
	LastDiscoveryError   string   // of Drover's own HSM
	Problems             []string // the same
}

func (a *app) discover() *cobra.Command {
	var user, password, first string
	var wait time.Duration
	cmd := a.verb("discover ADDRESS[=XNAME]...", "Find BMCs and what they control", atLeast("ADDRESS"),
		func(cmd *cobra.Command, g *globals, args []string) error {
			list, err := endpoints(args, first)
			if err != nil {
				return err
			}
			s, err := a.open(g)
			if err != nil {
				return err
			}
			if password == "" {
				password = a.Getenv("DROVER_BMC_PASSWORD")
			}
			if password == "" {
				if password, err = a.askSecret("Password of " + user + ": "); err != nil {
					return err
				}
			}
			for i := range list {
				list[i].User, list[i].Password, list[i].Enabled = user, password, true
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), wait)
			defer cancel()
			return s.discover(ctx, list)
		})
	cmd.Long = "Find BMCs and what they control, and put both into the Hardware State Manager.\n\n" +
		"An ADDRESS is a host with or without port; https:// or http:// before it says how to speak to it (else HTTPS, to loopback addresses HTTP); brackets stand for numbers: 10.1.0.[1-8], 127.0.0.1:[9001-9008]. " +
		"Its XNAME is that of the BMC; addresses without one are numbered on from --first-xname."
	f := cmd.Flags()
	f.StringVar(&user, "username", "root", "user of the BMCs")
	f.StringVar(&password, "password", "", "password; [DROVER_BMC_PASSWORD], or asked for")
	f.StringVar(&first, "first-xname", "", "name of the first BMC without one, such as x1000c0s0b0")
	f.DurationVar(&wait, "wait", 5*time.Minute, "how long to wait for the results")
	return cmd
}

// endpoints reads the arguments.
func endpoints(args []string, first string) ([]endpoint, error) {
	next := xname.Normalize(first)
	if first != "" && xname.TypeOf(next) != xname.NodeBMC {
		return nil, usageError("Invalid value for '--first-xname': '%s' is not the name of a node's BMC, such as x1000c0s0b0.", first)
	}
	var out []endpoint
	for _, arg := range args {
		address, name, named := strings.Cut(arg, "=")
		hosts := []string{address}
		if !strings.Contains(address, "::") { // IPv6 has brackets of its own
			var err error
			if hosts, err = xname.Expand(address); err != nil {
				return nil, usageError("Invalid value for 'ADDRESS': %v.", err)
			}
		}
		if named && len(hosts) != 1 {
			return nil, usageError("Invalid value for 'ADDRESS': '%s' stands for %d addresses and has one name.", arg, len(hosts))
		}
		for _, h := range hosts {
			id := xname.Normalize(name)
			if !named {
				if next == "" {
					return nil, usageError("'%s' has no name: write %s=XNAME, or set --first-xname.", h, h)
				}
				id, next = next, following(next)
			}
			out = append(out, endpoint{ID: id, FQDN: h})
		}
	}
	return out, nil
}

// following is the BMC's name in the next slot: 8 slots in a chassis, 8
// chassis in a cabinet.
func following(bmc string) string {
	var cabinet, chassis, slot, number int
	fmt.Sscanf(bmc, "x%dc%ds%db%d", &cabinet, &chassis, &slot, &number) //nolint:errcheck // checked to be a NodeBMC
	slot++
	chassis, slot = chassis+slot/8, slot%8
	cabinet, chassis = cabinet+chassis/8, chassis%8
	return fmt.Sprintf("x%dc%ds%db%d", cabinet, chassis, slot, number)
}

// discover adds the endpoints, has them discovered and prints what was found.
func (s *session) discover(ctx context.Context, list []endpoint) error {
	before := map[string]string{}
	ids := make([]string, len(list))
	for i, e := range list {
		old, err := s.addEndpoint(ctx, e)
		if err != nil {
			return err
		}
		before[e.ID], ids[i] = old, e.ID
	}
	if err := s.call(ctx, http.MethodPost, hsmInventory+"/Discover", map[string]any{"xnames": ids, "force": true}, nil); err != nil {
		return err
	}
	results, err := s.discovered(ctx, ids, before)
	if err != nil {
		return err
	}
	return s.report(ctx, ids, results)
}

// addEndpoint creates the endpoint or updates it, and returns the time of the
// last discovery.
func (s *session) addEndpoint(ctx context.Context, e endpoint) (attempt string, err error) {
	path := hsmInventory + "/RedfishEndpoints"
	err = s.call(ctx, http.MethodPost, path, e, nil)
	var answer *refusal
	if !errors.As(err, &answer) || answer.status != http.StatusConflict {
		return "", err
	}
	var old endpoint
	path += "/" + url.PathEscape(e.ID)
	if err := s.get(ctx, path, &old); err != nil {
		return "", err
	}
	if old.DiscoveryInfo != nil {
		attempt = old.DiscoveryInfo.LastDiscoveryAttempt
	}
	return attempt, s.call(ctx, http.MethodPatch, path, e, nil)
}

// look is the time between two looks at the results.
const look = 200 * time.Millisecond

// discovered waits until each endpoint has a result newer than before, or
// the time is over.
func (s *session) discovered(ctx context.Context, ids []string, before map[string]string) (map[string]discoveryInfo, error) {
	for {
		var list struct{ RedfishEndpoints []endpoint }
		if err := s.get(ctx, hsmInventory+"/RedfishEndpoints", &list); err != nil && ctx.Err() == nil {
			return nil, err
		}
		results := map[string]discoveryInfo{}
		for _, e := range list.RedfishEndpoints {
			if i := e.DiscoveryInfo; i != nil && i.LastDiscoveryAttempt != "" && i.LastDiscoveryAttempt != before[e.ID] &&
				!slices.Contains([]string{"", "NotYetQueried", "DiscoveryStarted", "HTTPsGetOk", "VerifyingData"}, i.LastDiscoveryStatus) {
				results[e.ID] = *i
			}
		}
		missing := slices.ContainsFunc(ids, func(id string) bool { return results[id].LastDiscoveryStatus == "" })
		if !missing {
			return results, nil
		}
		select {
		case <-ctx.Done():
			return results, nil
		case <-time.After(look):
		}
	}
}
