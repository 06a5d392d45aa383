package cli

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/bos/plan"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/progress"
	"github.com/drover-hpc/drover/internal/xname"
)

const (
	startSessionPath = "/apis/drover/v1/sessions"
	planSessionPath  = startSessionPath + "?dry_run=true"
	plansPath        = "/apis/drover/v1/plans/"
)

// planBoot shows what the session would do.
func (s *session) planBoot(ctx context.Context, wish *plan.Wish) error {
	var p plan.Plan
	if err := s.call(ctx, http.MethodPost, planSessionPath, wish, &p); err != nil {
		return err
	}
	if s.asData {
		return s.print(p)
	}
	return s.tell(planText(&p))
}

// tell prints words that others have a part in, without what steers a terminal.
func (s *session) tell(text string) error {
	_, err := fmt.Fprint(s.app.Stdout, harmless(text))
	return err
}

// apply is the command that does what a plan says.
func (a *app) apply() *cobra.Command {
	var w waiting
	var yes bool
	cmd := a.verb("apply PLAN", "Do what a plan says, if it still holds", arguments("PLAN"), func(cmd *cobra.Command, g *globals, args []string) error {
		s, err := a.open(g)
		if err != nil {
			return err
		}
		if err := s.asksToApply(cmd.Context(), args[0], yes); err != nil {
			return err
		}
		var done plan.Applied
		if err := s.call(cmd.Context(), http.MethodPost, plansPath+httpapi.Segment(args[0])+"/apply", nil, &done); err != nil {
			return err
		}
		return s.begun(cmd.Context(), &w, done, begunText(done.Session, done.Plan.Operation, nodesOf(&done.Plan), byPlan(&done.Plan)), nextText(done.Session),
			func(ctx context.Context) (any, error) { return s.follow(ctx, done.Session, false) })
	})
	cmd.Long = "Start the session of a plan, which `drover boot`, `reboot` or `off` with --dry-run made.\n\n" +
		"If a node does not stand any more as the plan says, or would get something else, nothing is started, and what changed is told. " +
		"A plan can be applied once, for a day; the last twenty of a tenant, and of the site, are kept.\n\n" +
		"At a terminal it asks first. " + aboutWaiting
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	w.flags(cmd)
	return cmd
}

// asksToApply asks who sits at a terminal whether the plan shall be applied; no is an error.
func (s *session) asksToApply(ctx context.Context, id string, yes bool) error {
	if yes || !s.app.attended() {
		return nil
	}
	var p plan.Plan
	if err := s.get(ctx, plansPath+httpapi.Segment(id), &p); err != nil {
		return err
	}
	what := operationWords[p.Operation]
	if p.Stage {
		what = "Stage a " + string(p.Operation) + " of"
	}
	if !s.app.confirm(harmless(fmt.Sprintf("%s %s %s?", what, manyNodes(nodesOf(&p)), byPlan(&p)))) {
		return abort
	}
	return nil
}

// planText tells a plan to people.
func planText(p *plan.Plan) string {
	var b strings.Builder
	what := string(p.Operation)
	if p.Stage {
		what = "staging of a " + what
	}
	fmt.Fprintf(&b, "plan %s: %s of %s %s, as of %s\n", p.ID, what, progress.Nodes(p.Nodes), byPlan(p), p.At.Local().Format(time.TimeOnly))
	for i := range p.Groups {
		groupText(&b, &p.Groups[i])
	}
	for _, r := range plan.Reasons(p.LeftOut) {
		fmt.Fprintf(&b, "left out %s: %s\n", xname.Fold(r.Names), r.Why)
	}
	if more := p.LeftOutCount - len(p.LeftOut); more > 0 {
		fmt.Fprintf(&b, "and %d more are left out\n", more)
	}
	for _, t := range p.Boots {
		b.WriteString(t.Words() + "\n")
	}
	if p.Nodes == 0 {
		b.WriteString("There is nothing to do.\n")
	} else {
		fmt.Fprintf(&b, "Next: drover apply %s does it if nothing has changed\n", p.ID)
	}
	return b.String()
}

func byPlan(p *plan.Plan) string { return by(p.TemplateName, p.Image, p.Configuration) }

// nodesOf are the nodes that a plan deals with.
func nodesOf(p *plan.Plan) (all []string) {
	for i := range p.Groups {
		all = append(all, p.Groups[i].Nodes...)
	}
	return all
}

func groupText(b *strings.Builder, g *plan.Group) {
	fmt.Fprintf(b, "  %s: %s\n", progress.Nodes(len(g.Nodes)), xname.Fold(g.Nodes))
	line := func(label, format string, args ...any) {
		fmt.Fprintf(b, "    %-12s"+format+"\n", append([]any{label}, args...)...)
	}
	line("now", "%s", g.Now.Words())
	line("then", "%s", g.Then.Words())
	if len(g.ParametersAdded)+len(g.ParametersRemoved) > 0 {
		line("parameters", "%s", strings.Join(append(signed("+", g.ParametersAdded), signed("-", g.ParametersRemoved)...), " "))
	}
	for _, c := range g.Layers {
		line("layer", "%s", c.Words())
	}
	if g.TakenFrom != "" {
		line("taken from", "session %s, which drives them now", g.TakenFrom)
	}
	if does := g.Does(); does != "" {
		line("does", "%s", does)
	}
	if g.Waits != "" {
		line("waits", "%s", g.Waits)
	}
}

func signed(sign string, words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = sign + w
	}
	return out
}
