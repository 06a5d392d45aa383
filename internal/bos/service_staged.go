package bos

import (
	"context"
	"fmt"
	"slices"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// Applied tells what became of the nodes given to ApplyStaged.
type Applied struct {
	Succeeded []string `json:"succeeded" nullable:"false" doc:"Nodes whose staged state is now their desired state"`
	Failed    []string `json:"failed" nullable:"false" doc:"Nodes whose staged state cannot be applied"`
	Ignored   []string `json:"ignored" nullable:"false" doc:"Nodes that are not known or have nothing staged"`
}

// ApplyStaged makes the staged state of each node its desired state and starts
// what its session is for.
func (s *Service) ApplyStaged(ctx context.Context, nodes []string, tenant string) (Applied, error) {
	out := Applied{Succeeded: []string{}, Failed: []string{}, Ignored: []string{}}
	owned, err := s.owned(ctx, tenant)
	if err != nil {
		return out, err
	}
	o, err := s.Options(ctx)
	if err != nil {
		return out, err
	}
	nodes = slices.Compact(slices.Sorted(slices.Values(nodes)))
	mine := owned.restrict(nodes)
	for _, n := range nodes {
		if owned != nil && !owned[n] {
			out.Ignored = append(out.Ignored, n)
		}
	}
	err = s.DB.InTx(ctx, func(ctx context.Context) error {
		sessions := map[string]*Session{}
		_, missing, err := s.Change(ctx, mine, func(c *Component) error {
			name := c.StagedState.Session
			if name == "" {
				out.Ignored = append(out.Ignored, c.ID)
				return store.ErrUnchanged
			}
			session, err := s.stagedSession(ctx, sessions, name, tenant)
			if err != nil {
				return err
			}
			to := &out.Succeeded
			if why := c.applyStaged(session, tenant, o.ClearStage, s); why != "" {
				to = &out.Failed
			}
			*to = append(*to, c.ID)
			return nil
		})
		out.Ignored = append(out.Ignored, missing...)
		return err
	})
	slices.Sort(out.Ignored)
	return out, err
}

// stagedSession finds the session once for all its nodes; nil if there is none.
func (s *Service) stagedSession(ctx context.Context, known map[string]*Session, name, tenant string) (*Session, error) {
	if session, asked := known[name]; asked {
		return session, nil
	}
	session, err := s.sessions.Get(ctx, key(tenant, name))
	switch {
	case fault.Is(err, fault.NotFound):
		known[name] = nil
	case err != nil:
		return nil, err
	default:
		known[name] = &session
	}
	return known[name], nil
}

// applyStaged moves the staged state to the desired one, or says why it cannot.
func (c *Component) applyStaged(session *Session, tenant string, clear bool, s *Service) (why string) {
	now, name, staged := s.Now(), c.StagedState.Session, c.StagedState
	why = c.unfit(session)
	if why == "" {
		c.DesiredState = DesiredState{BootArtifacts: staged.BootArtifacts, Configuration: staged.Configuration}
		c.startAnew(now)
		if session.Operation == OperationReboot {
			c.ActualState = ActualState{}
		}
		c.Troubles = Troubles{}
		c.enable(true, now)
	} else {
		c.Troubles.Set(FromSession, why, now)
		c.Enabled = false
	}
	c.Session, c.Engine.Tenant = name, tenant
	c.LastAction.Action = ApplyStaged
	if clear {
		c.StagedState, c.Engine.StagedTenant = StagedState{}, ""
	}
	c.ActualState.LastUpdated, c.DesiredState.LastUpdated = now, now
	c.StagedState.LastUpdated, c.LastAction.LastUpdated = now, now
	return why
}

func (c *Component) unfit(session *Session) string {
	a := c.StagedState.BootArtifacts
	switch {
	case session == nil:
		return fmt.Sprintf("Staged session '%s' does not exist", c.StagedState.Session)
	case session.Cancelled():
		return fmt.Sprintf("Staged session '%s' was cancelled", session.Name)
	case session.Operation == OperationShutdown && a != BootArtifacts{}:
		return "Staged operation is shutdown, but boot artifacts are staged"
	case session.Operation == OperationShutdown:
		return ""
	case session.Operation != OperationBoot && session.Operation != OperationReboot:
		return fmt.Sprintf("Staged operation '%s' is not valid", session.Operation)
	case a.Kernel == "" || a.KernelParameters == "" || a.Initrd == "":
		return fmt.Sprintf("Staged operation is %s, but kernel, kernel parameters or initrd are missing", session.Operation)
	}
	return ""
}
