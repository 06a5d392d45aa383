package server

import (
	"context"
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
	return func(ctx context.Context, sel roster.Selection) (out []roster.Hardware, err error) {
		err = s.VisitNodes(ctx, sel.Few(), func(h *hsm.Component) {
			one := roster.Hardware{ID: h.ID, Type: h.Type, State: h.State, Flag: h.Flag, Role: h.Role, SubRole: h.SubRole, Locked: h.Locked}
			if h.Enabled != nil {
				one.Enabled = new(*h.Enabled)
			}
			if h.NID != nil {
				one.NID = new(*h.NID)
			}
			out = append(out, one)
		})
		return out, err
	}
}

func powerStates(s *pcs.Service) roster.Ask[roster.Power] {
	return func(ctx context.Context, sel roster.Selection) (out []roster.Power, err error) {
		add := func(p *pcs.PowerStatus) {
			out = append(out, roster.Power{Xname: p.Xname, PowerState: string(p.PowerState), ManagementState: string(p.ManagementState), Error: p.Error})
		}
		few := sel.Few()
		switch {
		case few == nil:
			return out, s.VisitStatuses(ctx, add)
		case len(few) > 0:
			var found []pcs.PowerStatus // which tells of those that PCS does not know, too
			found, err = s.PowerStatuses(ctx, pcs.Filter{Xnames: few})
			for i := range found {
				add(&found[i])
			}
		}
		return out, err
	}
}

func bootStates(s *bos.Service) roster.Ask[roster.Component] {
	return func(ctx context.Context, sel roster.Selection) (out []roster.Component, err error) {
		err = s.VisitComponents(ctx, bos.Selection{IDs: sel.Few(), Tenant: sel.Tenant}, func(c *bos.Component) {
			r := roster.Component{ID: c.ID, Enabled: c.Enabled, Error: c.Troubles.Newest(), Session: c.Session, V1Session: c.Engine.Agent}
			r.ActualState.BootArtifacts.Kernel = c.ActualState.BootArtifacts.Kernel
			r.DesiredState.BootArtifacts.Kernel, r.DesiredState.Configuration = c.DesiredState.BootArtifacts.Kernel, c.DesiredState.Configuration
			r.Status.Phase, r.Status.Status = string(c.Status.Phase), c.Computed()
			r.Status.Since = c.Engine.PhaseSince.UTC().Truncate(time.Second)
			out = append(out, r)
		})
		return out, err
	}
}

func configStates(s *cfs.Service) roster.Ask[roster.Config] {
	return func(ctx context.Context, sel roster.Selection) (out []roster.Config, err error) {
		err = s.VisitComponents(ctx, sel.Few(), func(c *cfs.Component) {
			out = append(out, roster.Config{ID: c.ID, DesiredConfig: c.DesiredConfig, Status: string(c.Status)})
		})
		return out, err
	}
}
