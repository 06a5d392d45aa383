package cli

import (
	"context"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/roster"
	"github.com/drover-hpc/drover/internal/xname"
)

// configure is the short form of an update of components of CFS.
func (a *app) configure() *cobra.Command {
	var w waiting
	var configuration string
	var dryRun bool
	g := new(globals)
	cmd := a.verbWith(g, "configure NODES...", "Have CFS configure nodes, again or with another configuration", atLeast("NODES"),
		func(cmd *cobra.Command, g *globals, args []string) error {
			s, err := a.open(g)
			if err != nil {
				return err
			}
			nodes, err := s.nodesToDrive(cmd.Context(), args)
			if err != nil {
				return err
			}
			if dryRun && w.wait {
				return errDryWait
			}
			return s.configure(cmd.Context(), nodes, configuration, dryRun, &w)
		})
	cmd.Long = "Have CFS configure nodes. With --desired-config they should have that configuration, and what of it they have not yet is run. " +
		"Without, all that they should have is run again. Failures that were counted are forgotten, and the nodes are enabled in CFS.\n\n" +
		"A node that is off waits until it is up.\n\n" + aboutNodes + "\n\n" + aboutWaiting + " The exit code is 0 then if all nodes are configured, 3 if any is not."
	cmd.Flags().StringVar(&configuration, "desired-config", "", "`NAME` of the configuration; that which each node should have if not set")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "tell what would be run, and do nothing")
	w.flags(cmd)
	_ = cmd.RegisterFlagCompletionFunc("desired-config", a.completeList(g, configurationsPath)) // fails for options that there are not
	return cmd
}

func (s *session) configure(ctx context.Context, nodes []string, configuration string, dryRun bool, w *waiting) error {
	if configuration == "" {
		if err := s.haveConfigurations(ctx, nodes); err != nil {
			return err
		}
	} else if err := s.get(ctx, configurationsPath+"/"+httpapi.Segment(configuration), nil); err != nil {
		return err // CFS takes names that there are not
	}
	if dryRun {
		return s.planConfigure(ctx, nodes, configuration)
	}
	var changed struct {
		IDs []string `json:"component_ids"`
	}
	if err := s.call(ctx, http.MethodPatch, "/apis/cfs/v3/components", configurePatches(nodes, configuration), &changed); err != nil {
		return err
	}
	what := "all that it should have is run again"
	if configuration != "" {
		what = "what of " + configuration + " it has not is run"
	}
	return s.begun(ctx, w, changed, manyNodes(nodes)+": "+what+"\n", "Next: drover status "+xname.Fold(nodes)+"\n",
		func(ctx context.Context) (any, error) { return s.awaitConfiguration(ctx, nodes) })
}

// configurePatches have all run again that the nodes should have, or with a
// configuration what they have not of that.
func configurePatches(nodes []string, configuration string) []cfs.ComponentPatch {
	enabled, failures := true, 0
	patches := make([]cfs.ComponentPatch, len(nodes))
	for i, n := range nodes {
		patches[i] = cfs.ComponentPatch{ID: n, Enabled: &enabled, ErrorCount: &failures}
		if configuration == "" {
			patches[i].State = &[]cfs.StateInput{}
		} else {
			patches[i].DesiredConfig = &configuration
		}
	}
	return patches
}

// haveConfigurations refuses nodes that should have no configuration: there would be
// nothing to run.
func (s *session) haveConfigurations(ctx context.Context, nodes []string) error {
	answer, err := s.standing(ctx, nodes)
	if err != nil {
		return err
	}
	if err := unheardOf(nodes, answer); err != nil {
		return err
	}
	var none []string
	for i := range answer.Nodes {
		if answer.Nodes[i].Configuration == "" {
			none = append(none, answer.Nodes[i].Xname)
		}
	}
	if len(none) > 0 {
		return usageError("Missing option '--desired-config': %s should have no configuration.", xname.Fold(none))
	}
	return nil
}

// awaitConfiguration prints how far the nodes are, until none is pending.
func (s *session) awaitConfiguration(ctx context.Context, nodes []string) (map[string][]string, error) {
	var last string
	var byStatus map[string][]string
	err := await(ctx, s.gateway.changes(ctx, rosterPath+"/events"), func() (bool, error) {
		answer, err := s.standing(ctx, nodes)
		if err != nil {
			return false, err
		}
		byStatus = byConfigStatus(answer)
		line := fmt.Sprintf("configured %d, pending %d, failed %d", len(byStatus[string(cfs.Configured)]), len(byStatus[string(cfs.Pending)]), len(byStatus[string(cfs.Failed)]))
		if line != last {
			last = line
			fmt.Fprintln(s.progress(), line)
		}
		return len(byStatus[string(cfs.Pending)]) == 0, nil
	})
	if err != nil {
		return byStatus, waitError(ctx, err, "the configuration of "+xname.Fold(byStatus[string(cfs.Pending)]))
	}
	for status, list := range byStatus {
		if status != string(cfs.Configured) {
			err = &failure{code: partly, message: fmt.Sprintf("%s: %s; drover explain %s tells why", xname.Fold(list), status, list[0])}
		}
	}
	return byStatus, err
}

func byConfigStatus(a *roster.Answer) map[string][]string {
	out := map[string][]string{}
	for i := range a.Nodes {
		n := &a.Nodes[i]
		out[n.ConfigStatus] = append(out[n.ConfigStatus], n.Xname)
	}
	return out
}
