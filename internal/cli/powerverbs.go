package cli

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/pcs"
	"github.com/drover-hpc/drover/internal/roster/overview"
	"github.com/drover-hpc/drover/internal/xname"
)

const (
	transitionsPath = "/apis/power-control/v1/transitions"
	powerStatusPath = "/apis/power-control/v1/power-status"
)

// addPowerVerbs adds the short forms of transitions and of the power status.
func (a *app) addPowerVerbs(top *cobra.Command, _ module, _ *huma.OpenAPI) {
	if a.name != "drover" {
		return
	}
	a.addPowerStatus(top)
	top.AddCommand(
		a.powerVerb("on", "on", "Power nodes on", "They boot what BSS has for them."),
		a.powerVerb("off", "off", "Power nodes off, first asking them to shut down", "Those that do not go off by themselves have their power cut."),
		a.powerVerb("reset", "hard-restart", "Cut the power of nodes and power them on again", "What runs on them is not asked."))
}

// takesNames marks a command that has subcommands and takes names: what is none of the
// subcommands is a name.
const takesNames = "names"

// addPowerStatus puts the short form of the power status where its derived commands are.
func (a *app) addPowerStatus(top *cobra.Command) {
	cmd := a.verb("status [NODES]...", "Show which nodes are on, in a line for those that are alike", cobra.ArbitraryArgs,
		func(cmd *cobra.Command, g *globals, args []string) error {
			s, err := a.open(g)
			if err != nil {
				return err
			}
			return s.powerStatus(cmd.Context(), args)
		})
	cmd.Long = "Show what PCS knows of the power of nodes and whether their BMCs take commands (BMC: available or unavailable). Nodes that are alike share a line; " +
		"* in a name stands for all numbers that there are, NODE in an error for the name of each.\n\n" + aboutNodes + " None is all components that PCS knows."
	cmd.Annotations = map[string]string{takesNames: "yes"}
	if derived := child(top, "status"); derived != nil {
		for _, sub := range derived.Commands() {
			derived.RemoveCommand(sub)
			cmd.AddCommand(sub)
		}
		top.RemoveCommand(derived)
	}
	top.AddCommand(cmd)
}

// powerStatus prints what PCS says of the nodes, as it says it where data is wanted.
func (s *session) powerStatus(ctx context.Context, args []string) error {
	var question struct {
		Xname []string `json:"xname,omitempty"`
	}
	if len(args) > 0 {
		var err error
		if question.Xname, err = s.nodesToDrive(ctx, args); err != nil {
			return err
		}
	}
	var answer struct {
		Status []pcs.PowerStatus `json:"status"`
	}
	if err := s.call(ctx, http.MethodPost, powerStatusPath, question, &answer); err != nil {
		return err
	}
	if s.asData {
		return s.print(answer)
	}
	var all []string
	if len(args) == 0 {
		for i := range answer.Status {
			all = append(all, answer.Status[i].Xname)
		}
	}
	_, err := fmt.Fprintln(s.app.Stdout, harmless(strings.Join(overview.PowerTable(answer.Status, all), "\n")))
	return err
}

func (a *app) powerVerb(name, operation, short, long string) *cobra.Command {
	var w waiting
	var yes bool
	cmd := a.verb(name+" NODES...", short, atLeast("NODES"), func(cmd *cobra.Command, g *globals, args []string) error {
		s, err := a.open(g)
		if err != nil {
			return err
		}
		nodes, err := s.nodesToDrive(cmd.Context(), args)
		if err != nil {
			return err
		}
		if name != "on" && !yes && a.attended() && !a.confirm(fmt.Sprintf("Power %s %s?", name, manyNodes(nodes))) {
			return abort
		}
		return s.startPower(cmd.Context(), operation, nodes, &w)
	})
	cmd.Long = short + ", by a transition of PCS. " + long + " The boot service has no part in it: " +
		"what nodes should boot stays as it is, and a session that moves them goes on as it finds them.\n\n" + aboutNodes + "\n\n" +
		aboutWaiting + " The exit code is 0 then if all nodes succeeded, 3 if any did not."
	if name != "on" {
		cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	}
	w.flags(cmd)
	return cmd
}

func (s *session) startPower(ctx context.Context, operation string, nodes []string, w *waiting) error {
	location := make([]map[string]string, len(nodes))
	for i, n := range nodes {
		location[i] = map[string]string{"xname": n}
	}
	var started struct {
		TransitionID string `json:"transitionID"`
		Operation    string `json:"operation"`
	}
	err := s.call(ctx, http.MethodPost, transitionsPath, map[string]any{"operation": operation, "location": location}, &started)
	if err != nil {
		return err
	}
	return s.begun(ctx, w, started,
		fmt.Sprintf("transition %s: %s of %s\n", started.TransitionID, started.Operation, manyNodes(nodes)),
		fmt.Sprintf("Next: drover power transition describe %[1]s follows it, drover power transition delete %[1]s aborts it\n", started.TransitionID),
		func(ctx context.Context) (any, error) { return s.awaitTransition(ctx, started.TransitionID) })
}

// awaitTransition prints how far the transition is, until it is over, and what failed.
func (s *session) awaitTransition(ctx context.Context, id string) (*pcs.Transition, error) {
	var last string
	var t pcs.Transition
	err := await(ctx, nil, func() (bool, error) {
		t = pcs.Transition{}
		if err := s.get(ctx, transitionsPath+"/"+httpapi.Segment(id), &t); err != nil {
			return false, err
		}
		n := &t.TaskCounts
		if line := fmt.Sprintf("succeeded %d, under way %d, failed %d", n.Succeeded, n.New+n.InProgress, n.Failed+n.Unsupported); line != last {
			last = line
			fmt.Fprintln(s.progress(), line)
		}
		return t.TransitionStatus.Done(), nil
	})
	if err != nil {
		return &t, waitError(ctx, err, "transition "+id)
	}
	return &t, s.powerFailures(&t)
}

// powerFailures prints which nodes did not succeed, and why, and is an error if there are any.
func (s *session) powerFailures(t *pcs.Transition) error {
	byReason := map[string][]string{}
	for i := range t.Tasks {
		task := &t.Tasks[i]
		if task.TaskStatus != pcs.TaskSucceeded {
			reason := task.TaskStatusDescription
			if task.Error != "" {
				reason = task.Error
			}
			byReason[reason] = append(byReason[reason], task.Xname)
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(byReason)) {
		fmt.Fprintln(s.progress(), harmless("failed "+xname.Fold(byReason[reason])+": "+reason))
	}
	if len(byReason) > 0 {
		return &ExitError{Code: partly}
	}
	return nil
}
