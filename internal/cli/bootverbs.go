package cli

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/xname"
)

// bootVerbs are the short forms of a session of BOS v2.
func (a *app) bootVerbs() []*cobra.Command {
	return []*cobra.Command{
		a.bootVerb("boot", "Boot", bos.OperationBoot, "Boot nodes by a session template",
			"Start a session of BOS that brings nodes to what a session template says: nodes that are off are powered on, nodes that run something else are restarted, others are only configured."),
		a.bootVerb("reboot", "Restart", bos.OperationReboot, "Restart nodes by a session template",
			"Start a session of BOS that restarts nodes, whatever they run, with what a session template says."),
		a.bootVerb("off", "Shut down", bos.OperationShutdown, "Shut nodes down",
			"Start a session of BOS that shuts nodes down. Those that do not go off by themselves have their power cut after the option max_power_off_wait_time."),
	}
}

var errDryWait = usageError("With --dry-run nothing is started that --wait could follow.")

// bootWish is what is asked of one of them.
type bootWish struct {
	question    string
	session     bos.SessionCreate
	yes, dryRun bool
	waiting
}

func (a *app) bootVerb(name, question string, operation bos.Operation, short, long string) *cobra.Command {
	g, wish := new(globals), &bootWish{question: question, session: bos.SessionCreate{Operation: operation}}
	cmd := a.verbWith(g, name+" NODES...", short, atLeast("NODES"), func(cmd *cobra.Command, g *globals, args []string) error {
		if wish.dryRun && wish.wait {
			return errDryWait
		}
		s, err := a.open(g)
		if err != nil {
			return err
		}
		return s.boot(cmd.Context(), wish, args)
	})
	cmd.Long = long + "\n\n" + "Without --template it is the one by which all the nodes were booted last, or else the only one that there is. " +
		"Nodes that the template's boot sets do not name are left out, and so are locked and disabled ones: `drover watch` tells which.\n\n" + aboutNodes +
		"\n\nWith --dry-run it tells what would be done to which nodes and why others are left out, and starts nothing: `drover apply` does that, if nothing has changed by then." +
		"\n\nAt a terminal it asks first. " + aboutWaiting + " The exit code is that of `drover watch` then."
	f := cmd.Flags()
	f.StringVar(&wish.session.TemplateName, "template", "", "`NAME` of the session template")
	f.StringVar(&wish.session.Name, "name", "", "`NAME` of the session; a UUID if not set")
	f.BoolVarP(&wish.yes, "yes", "y", false, "do not ask")
	f.BoolVar(&wish.dryRun, "dry-run", false, "tell what would be done, and do nothing")
	wish.flags(cmd)
	_ = cmd.RegisterFlagCompletionFunc("template", a.completeList(g, templatesPath)) // fails for options that there are not
	return cmd
}

// boot starts the session of a verb, or tells what it would do.
func (s *session) boot(ctx context.Context, wish *bootWish, args []string) error {
	nodes, err := s.nodesToDrive(ctx, args)
	if err != nil {
		return err
	}
	if wish.session.TemplateName == "" {
		if wish.session.TemplateName, err = s.templateOf(ctx, nodes); err != nil {
			return err
		}
	}
	if wish.dryRun {
		return s.planBoot(ctx, wish.session, nodes)
	}
	if !wish.yes && s.app.attended() && !s.app.confirm(fmt.Sprintf("%s %s by template %s?", wish.question, manyNodes(nodes), wish.session.TemplateName)) {
		return abort
	}
	return s.startBoot(ctx, wish.session, nodes, &wish.waiting, nil)
}

// What the help of several verbs says.
const (
	aboutNodes   = "NODES are names, ranges such as x1000c0s[0-7]b0n0, enclosures such as x1000c0, NIDs, groups and roles."
	aboutWaiting = "With --wait it is followed to its end; an interrupt, or the end of --timeout, ends the waiting and nothing else."
)

// startBoot starts the session, tells of it and follows it if that is wished. Of a retry
// told is filled.
func (s *session) startBoot(ctx context.Context, wish bos.SessionCreate, nodes []string, w *waiting, told *retried) error {
	limit := strings.Join(nodes, ",")
	wish.Limit = &limit
	var record bos.SessionRecord
	if err := s.call(ctx, http.MethodPost, bootSessionsPath, wish, &record); err != nil {
		return err
	}
	return s.begun(ctx, w, told.with(record),
		begunText(record.Name, wish.Operation, nodes, wish.TemplateName), nextText(record.Name),
		func(ctx context.Context) (any, error) {
			end, err := s.follow(ctx, record.Name, false)
			return told.endedAs(end), err
		})
}

// begunText tells of a session that was started, nextText what can be done with it.
func begunText(name string, operation bos.Operation, nodes []string, template string) string {
	return fmt.Sprintf("session %s: %s of %s by template %s\n", name, operation, manyNodes(nodes), template)
}

func nextText(name string) string {
	return fmt.Sprintf("Next: drover watch %[1]s follows it, drover cancel %[1]s ends it\n", name)
}

// templateOf is the session template that is meant where none is named: that of the
// last sessions of all the nodes, or else the only one.
func (s *session) templateOf(ctx context.Context, nodes []string) (string, error) {
	last, err := s.lastTemplates(ctx, nodes)
	if err != nil {
		return "", err
	}
	if names := slices.Sorted(maps.Keys(last)); len(names) == 1 && names[0] != "" {
		return names[0], nil
	}
	var all []struct{ Name string }
	if err := s.get(ctx, templatesPath, &all); err != nil {
		return "", err
	}
	switch len(all) {
	case 0:
		return "", failed("there is no session template: `drover bos v2 sessiontemplates create` makes one")
	case 1:
		return all[0].Name, nil
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(last)) {
		what := "booted last by " + name
		if name == "" {
			what = "in no session whose template there is"
		}
		parts = append(parts, xname.Fold(last[name])+" "+what)
	}
	return "", usageError("Missing option '--template': the nodes do not say which is meant (%s).", strings.Join(parts, "; "))
}

// lastTemplates are the nodes by the template of the session that they belong to;
// those of which it cannot be told have none.
func (s *session) lastTemplates(ctx context.Context, nodes []string) (map[string][]string, error) {
	answer, err := s.standing(ctx, nodes)
	if err != nil {
		return nil, err
	}
	bySession := map[string]string{"": ""}
	out := map[string][]string{}
	for i := range answer.Nodes {
		n := &answer.Nodes[i]
		if _, asked := bySession[n.Session]; !asked {
			if bySession[n.Session], err = s.templateOfSession(ctx, n.Session); err != nil {
				return nil, err
			}
		}
		template := bySession[n.Session]
		out[template] = append(out[template], n.Xname)
	}
	return out, nil
}

// templateOfSession is the session's template if both are still there, else empty.
func (s *session) templateOfSession(ctx context.Context, name string) (string, error) {
	var record bos.SessionRecord
	err := s.get(ctx, bootSessionsPath+"/"+httpapi.Segment(name), &record)
	if err == nil {
		err = s.get(ctx, templatesPath+"/"+httpapi.Segment(record.TemplateName), nil)
	}
	switch {
	case missing(err):
		return "", nil
	case err != nil:
		return "", err
	}
	return record.TemplateName, nil
}
