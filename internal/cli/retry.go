package cli

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/plan"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/progress"
	"github.com/drover-hpc/drover/internal/xname"
)

func (a *app) retry() *cobra.Command {
	r := &retrier{}
	cmd := a.verb("retry SESSION", "Do once more what a session did, with the nodes that failed in it", arguments("SESSION"),
		func(cmd *cobra.Command, g *globals, args []string) error {
			s, err := a.open(g)
			if err != nil {
				return err
			}
			r.session, r.name = s, args[0]
			return r.retry(cmd.Context())
		})
	cmd.Long = "Start a session with the nodes that failed in another one, which has to be complete. At a terminal it asks first.\n\n" +
		"A session of BOS v2: a session with its template and operation; one that was staged is not staged again. Nodes that another session has since then, " +
		"or that count as failed no more, are left out and named.\n\n" +
		"If BOS has no session of that name, one of CFS is meant: a session with its configuration, limited to the hosts on which a task failed or that were not reached. " +
		"Hosts that a session of CFS is configuring are left out and named. One that makes images is started again with all of them.\n\n" +
		"If nothing failed that is said, and the exit code is 0. A session that failed before it came to any node is not retried: it is printed how to start it again.\n\n" + aboutWaiting
	f := cmd.Flags()
	f.StringVar(&r.called, "name", "", "`NAME` of the new session; one is made up if not set")
	f.BoolVarP(&r.yes, "yes", "y", false, "do not ask")
	r.waiting.flags(cmd)
	return cmd
}

// retrier starts a session with what failed in another.
type retrier struct {
	*session
	waiting waiting
	name    string // of the session that failed
	called  string // of the new one
	yes     bool
}

// leftOut is a node that is not retried, and why.
type leftOut struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// retried is what is told where data is wanted.
type retried struct {
	Session string    `json:"session"`
	Service string    `json:"service"`
	Started any       `json:"started"` // the new session; null if nothing is to be done
	Nodes   []string  `json:"nodes"`
	LeftOut []leftOut `json:"left_out"`
	// End is where the new session stands after it was followed.
	End any `json:"end,omitempty"`
	// Unnamed is how many nodes failed that have gone on to other sessions and whose
	// names BOS has not kept.
	Unnamed int `json:"unnamed,omitempty"`
}

// with is what is told of the session that was started: of a retry all of that.
func (t *retried) with(started any) any {
	if t == nil {
		return started
	}
	t.Started = started
	return t
}

// endedAs is what is told of the end.
func (t *retried) endedAs(end any) any {
	if t == nil {
		return end
	}
	t.End = end
	return t
}

// retry finds out whose the session is.
func (r *retrier) retry(ctx context.Context) error {
	snapshot, err := followed{r.progressed().Second(r.name), r.gateway}.Snapshot(ctx)
	switch {
	case err == nil:
		return r.boot(ctx, snapshot)
	case !missing(err):
		return err
	}
	if is, err := r.configuration(ctx); is || err != nil {
		return err
	}
	if is, err := r.found(ctx, bosFirst+httpapi.Segment(r.name), nil); err != nil {
		return err
	} else if is {
		return &failure{code: 2, message: fmt.Sprintf("session %[1]s is one of BOS v1, which is not retried: `drover watch %[1]s` names the nodes that failed, for a new session's limit", r.name)}
	}
	return &failure{code: 2, message: "neither BOS nor CFS has a session " + r.name}
}

// boot retries a session of BOS v2.
func (r *retrier) boot(ctx context.Context, snapshot *progress.Snapshot) error {
	t := progress.Count(snapshot)
	wish := plan.Wish{Name: r.called, Operation: bos.Operation(t.Session.Operation), TemplateName: t.Session.TemplateName, IncludeDisabled: t.Session.IncludeDisabled}
	switch {
	case !t.Complete():
		return r.unfinished(t.Session.Status.Status)
	case t.Problem() != "" && t.Nodes == 0:
		return r.asAWhole(t.Problem(), fmt.Sprintf("drover bos v2 sessions create --template-name %s --operation %s", wish.TemplateName, wish.Operation), "limit", t.Session.Limit)
	}
	told, err := r.failedNodes(ctx, snapshot, t)
	if err != nil {
		return err
	}
	if over, err := r.begins(told, fmt.Sprintf("%s %s by template %s", operationWords[wish.Operation], manyNodes(told.Nodes), wish.TemplateName)); over || err != nil {
		return err
	}
	wish.Limit = strings.Join(told.Nodes, ",")
	return r.startBoot(ctx, &wish, told.Nodes, &r.waiting, told)
}

// operationWords are how it is asked whether to do an operation.
var operationWords = map[bos.Operation]string{bos.OperationBoot: "Boot", bos.OperationReboot: "Restart", bos.OperationShutdown: "Shut down"}

// failedNodes are the nodes that failed in the session and are its still, and the others
// that failed in it.
func (r *retrier) failedNodes(ctx context.Context, snapshot *progress.Snapshot, t *progress.Tally) (*retried, error) {
	told := &retried{Session: r.name, Service: "BOS", Nodes: []string{}, LeftOut: []leftOut{}}
	others := map[string]bool{} // named as failed in what is kept of the session's end
	for _, f := range t.Failures {
		for _, n := range f.Nodes {
			if f.Kind == bos.StatusFailed {
				others[n] = true
			}
		}
	}
	for i := range snapshot.Components {
		c := &snapshot.Components[i]
		switch failed := c.Status.Status == bos.StatusFailed; {
		case failed && c.V1Session != "":
			told.leave(c.ID, "session "+c.V1Session+" of BOS v1 has it")
		case failed:
			told.Nodes = append(told.Nodes, c.ID)
		case others[c.ID]:
			told.leave(c.ID, "it counts as failed no more: it is "+c.Status.Status)
		}
		delete(others, c.ID)
	}
	if len(others) > 0 {
		owners, err := r.progressed().Components(ctx, url.Values{"ids": {strings.Join(slices.Sorted(maps.Keys(others)), ",")}})
		if err != nil {
			return nil, err
		}
		for i := range owners {
			delete(others, owners[i].ID)
			told.leave(owners[i].ID, ownerWords(owners[i].Session))
		}
		for _, n := range slices.Sorted(maps.Keys(others)) {
			told.leave(n, "BOS does not know it any more")
		}
	}
	told.Unnamed = max(0, t.Failed-len(told.Nodes)-len(told.LeftOut))
	return told, nil
}

func ownerWords(session string) string {
	if session == "" {
		return "no session has it: somebody changed it by hand"
	}
	return "session " + session + " has it"
}

func (t *retried) leave(node, reason string) { t.LeftOut = append(t.LeftOut, leftOut{node, reason}) }

// unfinished refuses a session in which more may fail yet.
func (r *retrier) unfinished(status string) error {
	return &failure{code: 2, message: fmt.Sprintf("session %[1]s is %[2]s: what fails in it can be retried when it is complete. `drover watch %[1]s` follows it, `drover cancel %[1]s` ends it", r.name, status)}
}

// asAWhole refuses a session that failed before it came to any node: which nodes to take
// again is for whoever starts it to say.
func (r *retrier) asAWhole(why, command, option, limit string) error {
	if limit != "" {
		command += " --" + option + " " + shellWord(limit)
	}
	return failed("session %s failed before it came to any node: %s\nWhen the cause is gone: %s", r.name, why, command)
}

// shellWord is a word as a shell takes it.
func shellWord(word string) string {
	if strings.ContainsAny(word, "&!*?[]()|;<>$`\"\\ \t\n'~#{}") {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
}

// begins tells what is left out, and asks if somebody is there to be asked. over: there
// is nothing to retry.
func (r *retrier) begins(told *retried, deed string) (over bool, err error) {
	if len(told.Nodes) == 0 && r.asData {
		return true, r.print(told)
	}
	if !r.asData {
		told.write(r.app)
	}
	if len(told.Nodes) == 0 {
		return true, nil
	}
	if !r.yes && r.app.attended() && !r.app.confirm(deed+"?") {
		return true, abort
	}
	return false, nil
}

// write says which nodes are left out, and whether any are not.
func (t *retried) write(a *app) {
	byReason := map[string][]string{}
	for _, one := range t.LeftOut {
		byReason[one.Reason] = append(byReason[one.Reason], one.Name)
	}
	for _, reason := range slices.Sorted(maps.Keys(byReason)) {
		fmt.Fprintln(a.Stdout, harmless("left out "+xname.Fold(byReason[reason])+": "+reason))
	}
	if t.Unnamed > 0 {
		fmt.Fprintf(a.Stdout, "left out %d more that failed: other sessions have them, and BOS kept only ten names for an error\n", t.Unnamed)
	}
	switch {
	case len(t.Nodes) > 0:
	case len(byReason) > 0 || t.Unnamed > 0:
		fmt.Fprintf(a.Stdout, "session %s: nothing else failed, there is nothing to retry\n", t.Session)
	default:
		fmt.Fprintf(a.Stdout, "session %s: nothing failed, there is nothing to retry\n", t.Session)
	}
}
