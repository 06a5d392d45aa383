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
	"github.com/drover-hpc/drover/internal/bos/plan"
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
	session     plan.Wish
	yes, dryRun bool
	waiting
}

func (a *app) bootVerb(name, question string, operation bos.Operation, short, long string) *cobra.Command {
	g, wish := new(globals), &bootWish{question: question, session: plan.Wish{Operation: operation}}
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
	cmd.Long = long + aboutOtherImages(operation) + "\n\n" + "Without --template it is the one by which all the nodes were booted last, or else the only one that there is. " +
		"Nodes that the template's boot sets do not name are left out, and so are locked and disabled ones: `drover watch` tells which.\n\n" + aboutNodes +
		"\n\nWith --dry-run it tells what would be done to which nodes and why others are left out, and starts nothing: `drover apply` does that, if nothing has changed by then." +
		"\n\nAt a terminal it asks first. " + aboutWaiting + " The exit code is that of `drover watch` then."
	f := cmd.Flags()
	f.StringVar(&wish.session.TemplateName, "template", "", "`NAME` of the session template")
	f.StringVar(&wish.session.Name, "name", "", "`NAME` of the session; a UUID if not set")
	f.BoolVarP(&wish.yes, "yes", "y", false, "do not ask")
	f.BoolVar(&wish.dryRun, "dry-run", false, "tell what would be done, and do nothing")
	if operation != bos.OperationShutdown {
		f.StringVar(&wish.session.Image, "image", "", "`NAME` or ID of an image of IMS, in place of the template's")
		f.StringVar(&wish.session.Configuration, "desired-config", "", "`NAME` of a configuration, in place of the template's")
		_ = cmd.RegisterFlagCompletionFunc("image", func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
			return a.offered(cmd.Context(), g, "/apis/ims/v3/images", false, begun), cobra.ShellCompDirectiveNoFileComp
		}) // fails for options that there are not
		_ = cmd.RegisterFlagCompletionFunc("desired-config", a.completeList(g, configurationsPath)) // as above
	}
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
	w := &wish.session
	if w.TemplateName == "" {
		if w.TemplateName, err = s.templateOf(ctx, nodes, w.Image); err != nil {
			return err
		}
	}
	if w.Configuration != "" {
		if err := s.get(ctx, configurationsPath+"/"+httpapi.Segment(w.Configuration), nil); err != nil {
			return err // BOS takes names that there are not
		}
	}
	w.Limit = strings.Join(nodes, ",")
	if wish.dryRun {
		return s.planBoot(ctx, w)
	}
	if !wish.yes && s.app.attended() && !s.app.confirm(fmt.Sprintf("%s %s %s?", wish.question, manyNodes(nodes), by(w.TemplateName, w.Image, w.Configuration))) {
		return abort
	}
	return s.startBoot(ctx, w, nodes, &wish.waiting, nil)
}

// by tells by what nodes are booted.
func by(template, image, configuration string) string {
	var with []string
	if image != "" {
		with = append(with, "image "+image)
	}
	if configuration != "" {
		with = append(with, "configuration "+configuration)
	}
	words := strings.Join(with, " and ")
	switch {
	case template == "":
		return "with " + words
	case words != "":
		words = " with " + words
	}
	return "by template " + template + words
}

// aboutOtherImages is what the help says of options that a shutdown has not.
func aboutOtherImages(operation bos.Operation) string {
	if operation == bos.OperationShutdown {
		return ""
	}
	return "\n\nWith --image or --desired-config they take the place of what the template says: the session's template is then a copy, named after it, that is kept with the others. " +
		"Nodes that cannot boot the image are left out. Where there is no template at all, --image suffices: the image's own kernel parameters hold then."
}

// What the help of several verbs says.
const (
	aboutNodes   = "NODES are names, ranges such as x1000c0s[0-7]b0n0, enclosures such as x1000c0, NIDs, groups and roles."
	aboutWaiting = "With --wait it is followed to its end; an interrupt, or the end of --timeout, ends the waiting and nothing else."
)

// startBoot starts the session, tells of it and follows it if that is wished. Of a retry
// told is filled.
func (s *session) startBoot(ctx context.Context, wish *plan.Wish, nodes []string, w *waiting, told *retried) error {
	record, err := s.createBoot(ctx, wish)
	if err != nil {
		return err
	}
	return s.begun(ctx, w, told.with(record),
		begunText(record.Name, wish.Operation, nodes, by(wish.TemplateName, wish.Image, wish.Configuration)), nextText(record.Name),
		func(ctx context.Context) (any, error) {
			end, err := s.follow(ctx, record.Name, false)
			return told.endedAs(end), err
		})
}

// createBoot starts the session. BOS itself takes neither an image nor a configuration.
func (s *session) createBoot(ctx context.Context, w *plan.Wish) (record bos.SessionRecord, err error) {
	if w.Image == "" && w.Configuration == "" {
		plain := bos.SessionCreate{Name: w.Name, Operation: w.Operation, TemplateName: w.TemplateName, Limit: &w.Limit, IncludeDisabled: w.IncludeDisabled}
		return record, s.call(ctx, http.MethodPost, bootSessionsPath, plain, &record)
	}
	var started plan.Applied
	if err := s.call(ctx, http.MethodPost, startSessionPath, w, &started); err != nil {
		return record, err
	}
	return record, s.get(ctx, bootSessionsPath+"/"+httpapi.Segment(started.Session), &record)
}

// begunText tells of a session that was started, nextText what can be done with it.
func begunText(name string, operation bos.Operation, nodes []string, by string) string {
	return fmt.Sprintf("session %s: %s of %s %s\n", name, operation, manyNodes(nodes), by)
}

func nextText(name string) string {
	return fmt.Sprintf("Next: drover watch %[1]s follows it, drover cancel %[1]s ends it\n", name)
}

// templateOf is the session template that is meant where none is named: that of the
// last sessions of all the nodes, or else the only one. There has to be none for who names
// an image.
func (s *session) templateOf(ctx context.Context, nodes []string, image string) (string, error) {
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
	switch {
	case len(all) == 0 && image != "":
		return "", nil
	case len(all) == 0:
		return "", failed("there is no session template: `drover bos v2 sessiontemplates create` makes one")
	case len(all) == 1:
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
