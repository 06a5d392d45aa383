package server

import (
	"context"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/pcs"
	"github.com/drover-hpc/drover/internal/roster"
)

// rosterServices are those that know of nodes. What tells of each node and is in this process
// is asked without its interface: at 10,000 nodes most of the time would go to writing and
// reading what passes there.
func (s *Server) rosterServices() roster.Services {
	c, p := &s.config, &s.platform
	out := roster.Services{HSM: roster.HSMAt(s.client("HSM", hsmPrefix, c.HSM)), PCS: roster.PCSAt(s.client("PCS", pcsPrefix, c.PCS)),
		BOS: bootStates(s.bos), CFS: configStates(s.cfs), IMS: roster.IMSAt(s.client("IMS", imsPrefix, c.IMS))}
	if p.hardware != nil {
		out.HSM = hardwareStates(p.hardware)
	}
	if p.power != nil {
		out.PCS = powerStates(p.power)
	}
	return out
}

func hardwareStates(s *hsm.Service) roster.Ask[roster.Hardware] {
	return func(ctx context.Context, sel roster.Selection) ([]roster.Hardware, error) {
		q := hsm.Parameters{"type": {"Node"}}
		if few := sel.Few(); few != nil {
			if len(few) == 0 {
				return nil, nil
			}
			q = hsm.Parameters{"id": few}
		}
		found, err := s.Components(ctx, q, false, nil)
		out := make([]roster.Hardware, len(found))
		for i := range found {
			h := &found[i]
			out[i] = roster.Hardware{ID: h.ID, State: h.State, Flag: h.Flag, Enabled: h.Enabled, Role: h.Role, SubRole: h.SubRole, NID: h.NID, Locked: h.Locked}
		}
		return out, err
	}
}

func powerStates(s *pcs.Service) roster.Ask[roster.Power] {
	return func(ctx context.Context, sel roster.Selection) ([]roster.Power, error) {
		few := sel.Few()
		if few != nil && len(few) == 0 {
			return nil, nil
		}
		found, err := s.PowerStatuses(ctx, pcs.Filter{Xnames: few})
		out := make([]roster.Power, len(found))
		for i := range found {
			p := &found[i]
			out[i] = roster.Power{Xname: p.Xname, PowerState: string(p.PowerState), ManagementState: string(p.ManagementState), Error: p.Error}
		}
		return out, err
	}
}

func bootStates(s *bos.Service) roster.Ask[roster.Component] {
	return func(ctx context.Context, sel roster.Selection) ([]roster.Component, error) {
		found, err := s.SelectComponents(ctx, bos.Selection{IDs: sel.Few(), Tenant: sel.Tenant})
		out := make([]roster.Component, len(found))
		for i := range found {
			c, r := &found[i], &out[i]
			r.ID, r.Enabled, r.Error, r.Session, r.V1Session = c.ID, c.Enabled, c.Troubles.Newest(), c.Session, c.Engine.Agent
			r.ActualState.BootArtifacts.Kernel = c.ActualState.BootArtifacts.Kernel
			r.DesiredState.BootArtifacts.Kernel, r.DesiredState.Configuration = c.DesiredState.BootArtifacts.Kernel, c.DesiredState.Configuration
			r.Status.Phase, r.Status.Status = string(c.Status.Phase), c.Computed()
			r.Status.Since = c.Engine.PhaseSince.UTC().Truncate(time.Second)
		}
		return out, err
	}
}

// configPage is how many components of CFS are asked for at a time.
const configPage = 5000

func configStates(s *cfs.Service) roster.Ask[roster.Config] {
	return func(ctx context.Context, sel roster.Selection) (out []roster.Config, err error) {
		few := sel.Few()
		if few != nil && len(few) == 0 {
			return nil, nil
		}
		page := cfs.Page{Limit: configPage}
		for more := true; more; {
			var found []cfs.Component
			if found, more, err = s.Components(ctx, cfs.ComponentFilter{IDs: strings.Join(few, ",")}, cfs.ComponentDetails{}, page); err != nil {
				return nil, err
			}
			for i := range found {
				c := &found[i]
				out = append(out, roster.Config{ID: c.ID, DesiredConfig: c.DesiredConfig, Status: string(c.Status)})
				page.AfterID = c.ID
			}
		}
		return out, nil
	}
}
