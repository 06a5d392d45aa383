package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/xname"
)

func (a *app) cancel() *cobra.Command {
	var yes bool
	cmd := a.verb("cancel SESSION", "Cancel a session: nothing more is done to its nodes", arguments("SESSION"),
		func(cmd *cobra.Command, g *globals, args []string) error {
			s, err := a.open(g)
			if err != nil {
				return err
			}
			return (&canceller{session: s, name: args[0], yes: yes}).cancel(cmd.Context())
		})
	cmd.Long = "Cancel a session of BOS or of CFS. At a terminal it asks first.\n\n" +
		"A session of BOS v2: nodes that are where they should be stay so, and nodes that another session has are let be. Nothing more is done to the others: " +
		"they count as failed, and it is printed in which state they are left. " +
		"What their BMCs were asked for stays asked, and CFS goes on configuring those that run what they should. The session is complete then.\n\n" +
		"If BOS has no session of that name, one of CFS is meant, and then one of BOS v1. Such a session is deleted, for that is what ends its job: its record and its log go with it.\n\n" +
		"The exit code is 0 also for a session that is complete: that is said, and nothing is changed."
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// canceller cancels a session.
type canceller struct {
	*session
	name string
	yes  bool
}

// cancel finds out whose the session is.
func (c *canceller) cancel(ctx context.Context) error {
	var boot struct{ Status bos.SessionStatusRecord }
	is, err := c.found(ctx, bootSessionsPath+"/"+httpapi.Segment(c.name), &boot)
	if err != nil {
		return err
	}
	if is {
		return c.boot(ctx, boot.Status.Status)
	}
	var configuration struct {
		Status struct{ Session struct{ Status string } }
	}
	path := cfsSessions + httpapi.Segment(c.name)
	if is, err = c.found(ctx, path, &configuration); err != nil {
		return err
	}
	if is {
		return c.configuration(ctx, path, configuration.Status.Session.Status)
	}
	return c.first(ctx)
}

// boot cancels a session of BOS v2.
func (c *canceller) boot(ctx context.Context, status bos.SessionLabel) error {
	if status != bos.SessionComplete && c.asks() {
		var moving []struct{ ID string }
		query := url.Values{"session": {c.name}, "enabled": {"true"}}
		if err := c.get(ctx, bosAPI+"/components?"+query.Encode(), &moving); err != nil {
			return err
		}
		ids := make([]string, len(moving))
		for i := range moving {
			ids[i] = moving[i].ID
		}
		if !c.app.confirm(fmt.Sprintf("Cancel session %s, which moves %s?", c.name, manyNodes(ids))) {
			return abort
		}
	}
	var out bos.Cancelled
	if err := c.call(ctx, http.MethodPost, "/apis/drover/v1/sessions/"+httpapi.Segment(c.name)+"/cancel", nil, &out); err != nil {
		return err
	}
	if c.asData {
		return c.print(out)
	}
	_, err := fmt.Fprint(c.app.Stdout, harmless(cancelledText(&out)))
	return err
}

// verbOf are the short verbs of operations.
var verbOf = map[bos.Operation]string{bos.OperationBoot: "boot", bos.OperationReboot: "reboot", bos.OperationShutdown: "off"}

// cancelledText says what became of a session of BOS v2 and of its nodes, and
// what can be done next.
func cancelledText(out *bos.Cancelled) string {
	if out.Found == bos.SessionComplete {
		text := "session " + out.Session + " is complete: there is nothing to cancel"
		if out.Error != "" {
			text += " (" + out.Error + ")"
		}
		return text + "\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "session %s (%s by template %s) is cancelled", out.Session, out.Operation, out.TemplateName)
	if out.Found == bos.SessionPending {
		b.WriteString(" before it was set up: it did nothing to any node\n")
		return b.String()
	}
	b.WriteString("\n")
	var all []string
	for _, one := range out.Stopped {
		fmt.Fprintf(&b, "  %s  %s: %s\n", xname.Fold(one.Nodes), one.Status, one.Left)
		all = append(all, one.Nodes...)
	}
	if len(out.Unstaged) > 0 {
		fmt.Fprintf(&b, "  %s  what was staged is forgotten\n", xname.Fold(out.Unstaged))
	}
	if rest := restText(out); rest != "" {
		fmt.Fprintf(&b, "  not changed: %s\n", rest)
	}
	if len(all) > 0 {
		b.WriteString("What BMCs and CFS were asked for stays asked; nothing else is done to these nodes until the next session.\n")
		fmt.Fprintf(&b, "Next: drover status %[1]s\n      drover %[2]s %[1]s --template %[3]s\n", xname.Fold(all), verbOf[out.Operation], out.TemplateName)
	}
	return b.String()
}

// restText tells of the nodes that are not stopped.
func restText(out *bos.Cancelled) string {
	var parts []string
	for _, one := range []struct {
		n    int
		text string
	}{{out.Succeeded, "succeeded"}, {out.Failed, "failed before"}, {out.Taken, "no longer of this session"}} {
		if one.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", one.n, one.text))
		}
	}
	return strings.Join(parts, ", ")
}

// configuration ends a session of CFS.
func (c *canceller) configuration(ctx context.Context, path, status string) error {
	return c.remove(ctx, path, "CFS", status == "complete",
		"its job is ended, and what it has done on nodes stays done. Its record and log are gone.\n"+
			"CFS makes another session for those of its nodes that are enabled and not configured: "+
			"`drover cfs v3 components update NODE --enabled false` keeps one out of it, `drover explain NODE` tells what it waits for")
}

// first ends a session of BOS v1, if there is one.
func (c *canceller) first(ctx context.Context) error {
	path := bosFirst + httpapi.Segment(c.name)
	var details struct{ Complete bool }
	is, err := c.found(ctx, path, &details)
	if err == nil && !is {
		return &failure{code: 2, message: "neither BOS nor CFS has a session " + c.name}
	}
	if err != nil {
		return err
	}
	return c.remove(ctx, path, "BOS v1", details.Complete,
		"its agent is ended, and what that has asked BMCs and CFS for stays asked. Its status and log are gone.\n"+
			"Next: `drover status` shows where the nodes stand")
}

// remove deletes a session whose end is that of its job.
func (c *canceller) remove(ctx context.Context, path, service string, complete bool, words string) error {
	found := "running"
	if complete {
		found, words = "complete", "complete: there is nothing to cancel"
	} else {
		if c.asks() && !c.app.confirm(fmt.Sprintf("Delete session %s of %s, with its log, to end its job?", c.name, service)) {
			return abort
		}
		if err := c.call(ctx, http.MethodDelete, path, nil, nil); err != nil {
			return err
		}
		words = "cancelled: " + words
	}
	if c.asData {
		return c.print(struct {
			Session string `json:"session"`
			Service string `json:"service"`
			Found   string `json:"found"`
		}{c.name, service, found})
	}
	_, err := fmt.Fprintf(c.app.Stdout, "session %s of %s is %s\n", c.name, service, words)
	return err
}

// asks tells whether somebody is there to be asked, and wants to be.
func (c *canceller) asks() bool { return !c.yes && c.app.attended() }
