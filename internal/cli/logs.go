package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/cli/derive"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/xname"
)

const cfsSessions = "/apis/cfs/v3/sessions/"

// logPatience is how long a server that answers no longer is waited for while a
// log is followed, logRetry the pause between two tries.
const (
	logPatience = 2 * time.Minute
	logRetry    = time.Second
)

// namedSessions is of how many sessions of CFS the names are told that configure the nodes
// of a session of BOS.
const namedSessions = 5

// logs is the command under one of its names.
func (a *app) logs(name string) *cobra.Command {
	var l logs
	cmd := a.verb(name+" SESSION|NODE", "Show what the steps of a configuration session wrote, or the agent of a session of BOS v1", arguments("SESSION|NODE"),
		func(cmd *cobra.Command, g *globals, args []string) error {
			if err := g.refuseFormat("the log of a session", "drover cfs v3 sessions results and hosts tell what each task came to as data"); err != nil {
				return err
			}
			s, err := a.open(g)
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			l.session, l.name = s, args[0]
			if node := xname.Normalize(args[0]); xname.IsNode(node) {
				if l.name, err = s.lastSessionOf(ctx, node); err != nil {
					return err
				}
			}
			l.path = cfsSessions + httpapi.Segment(l.name)
			return l.show(ctx)
		})
	cmd.Long = "Show what the steps of a configuration session wrote: clone, inventory, ansible, and teardown where it made images. " +
		"If there is none of that name, SESSION is the ID of a session of BOS v1, and what its agent wrote is shown. " +
		"Of a node, the session is meant that configures it, or else the last one that did.\n\n" +
		"With --follow it is shown as it grows until the session's end, also if the server is restarted meanwhile. " +
		"The exit code then tells the end: 0 if the session succeeded, 1 if it did not, or one of its nodes did not."
	cmd.Flags().BoolVarP(&l.follow, "follow", "f", false, "go on until the session's end")
	cmd.Flags().StringVar(&l.step, "step", "", "only what this step wrote")
	return cmd
}

// logs is the log of a session that is being shown.
type logs struct {
	*session
	name, step string
	path       string // of the session, one of CFS unless that is refused
	follow     bool
	shown      int64 // bytes of the text
}

func (l *logs) show(ctx context.Context) error {
	var answered time.Time // a server that was never reached is not waited for
	for {
		connected, err := l.read(ctx)
		if connected {
			answered = time.Now()
		}
		var refused *refusal
		switch {
		case ctx.Err() != nil:
			return &ExitError{Code: 130}
		case errors.As(err, &refused) && !passing(err):
			if l.first(ctx, refused) {
				continue
			}
			return cmp.Or(l.boots(ctx, refused), err)
		case err == nil && !l.follow:
			return nil
		case err == nil:
			over, err := l.over(ctx)
			if over || err != nil && !passing(err) {
				return err
			}
		case !l.follow || time.Since(answered) > logPatience:
			return err
		}
		select { // the server ends; the next one goes on
		case <-ctx.Done():
		case <-time.After(logRetry):
		}
	}
}

// first goes on with the session of BOS v1 of that ID, if there is one where CFS has
// none of the name.
func (l *logs) first(ctx context.Context, why *refusal) bool {
	path := bosFirst + httpapi.Segment(l.name)
	if why.status != http.StatusNotFound || l.path == path || l.step != "" || l.get(ctx, path, nil) != nil {
		return false
	}
	l.path = path
	return true
}

// boots says of a session of BOS v2, which writes no log, where logs of it are. It is nil
// if there is none of that name.
func (l *logs) boots(ctx context.Context, why *refusal) error {
	if why.status != http.StatusNotFound || l.step != "" || l.get(ctx, "/apis/bos/v2/sessions/"+httpapi.Segment(l.name), nil) != nil {
		return nil
	}
	text := fmt.Sprintf("session %[1]s is one of BOS v2, which writes no log: drover watch %[1]s follows it, drover logs NODE shows how a node of it is configured", l.name)
	var of struct{ Sessions []cfs.Session }
	q := url.Values{"tags": {"bos_session=" + l.name}, "limit": {strconv.Itoa(namedSessions)}}
	if err := l.get(ctx, strings.TrimSuffix(cfsSessions, "/")+"?"+q.Encode(), &of); err == nil {
		for i := range of.Sessions {
			text += "\n  drover logs " + of.Sessions[i].Name
		}
	}
	return failed("%s", text)
}

// read prints what is there behind what was shown, on and on if it is to be
// followed, as long as the server gives any. connected: it did give an answer.
func (l *logs) read(ctx context.Context) (connected bool, err error) {
	q := url.Values{"follow": {strconv.FormatBool(l.follow)}, "offset": {strconv.FormatInt(l.shown, 10)}}
	if l.step != "" {
		q.Set("step", l.step)
	}
	resp, err := l.gateway.endless().send(ctx, "", &derive.Request{Method: http.MethodGet, Path: l.path + "/log?" + q.Encode()})
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, err := io.ReadAll(resp.Body)
		err = cmp.Or(err, refused(resp.StatusCode, body))
		return !passing(err), err
	}
	came := &counted{from: resp.Body}
	_, err = io.Copy(l.app.Stdout, transform.NewReader(came, printable))
	l.shown += came.n
	return true, err
}

// counted counts what is read.
type counted struct {
	from io.Reader
	n    int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += int64(n)
	return n, err
}

// over tells whether the session is at its end, and as an error if not well.
func (l *logs) over(ctx context.Context) (bool, error) {
	var log struct {
		Phase   job.Phase
		Message string
		Errors  int `json:"error_count"` // of BOS v1: nodes that failed
	}
	if err := l.get(ctx, l.path+"/log", &log); err != nil {
		return false, err
	}
	if !(job.State{Phase: log.Phase}).Over() {
		return false, nil
	}
	if log.Phase != job.Succeeded {
		return true, failed("session %s %s: %s", l.name, log.Phase, log.Message)
	}
	if log.Errors > 0 {
		return true, failed("session %s: %d nodes failed; see drover watch %s", l.name, log.Errors, l.name)
	}
	return true, nil
}

// harmless is the text without what steers a terminal.
func harmless(text string) string {
	text, _, _ = transform.String(printable, text) //nolint:errcheck // it has no state and refuses nothing
	return text
}

// printable leaves out what steers a terminal: nodes wrote it.
var printable = runes.Remove(runes.Predicate(func(r rune) bool { return r != '\n' && r != '\t' && unicode.IsControl(r) }))
