package cli

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"

	"github.com/drover-hpc/drover/internal/cli/derive"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/job"
)

const cfsSessions = "/apis/cfs/v3/sessions/"

// logPatience is how long a server that answers no longer is waited for while a
// log is followed, logRetry the pause between two tries.
const (
	logPatience = 2 * time.Minute
	logRetry    = time.Second
)

// logs is the command under one of its names.
func (a *app) logs(name string) *cobra.Command {
	var l logs
	cmd := a.verb(name+" SESSION", "Show what the steps of a configuration session wrote", arguments("SESSION"),
		func(cmd *cobra.Command, g *globals, args []string) error {
			s, err := a.open(g)
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			l.session, l.name = s, args[0]
			return l.show(ctx)
		})
	cmd.Long = "Show what the steps of a configuration session wrote: clone, inventory, ansible, teardown.\n\n" +
		"With --follow it is shown as it grows until the session's end, also if the server is restarted meanwhile. " +
		"The exit code then tells the end: 0 if the session succeeded, 1 if it did not."
	cmd.Flags().BoolVarP(&l.follow, "follow", "f", false, "go on until the session's end")
	cmd.Flags().StringVar(&l.step, "step", "", "only what this step wrote")
	return cmd
}

// logs is the log of a session that is being shown.
type logs struct {
	*session
	name, step string
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
		case errors.As(err, &refused):
			return err
		case err == nil && !l.follow:
			return nil
		case err == nil:
			over, err := l.over(ctx)
			if over || errors.As(err, &refused) {
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

// read prints what is there behind what was shown, on and on if it is to be
// followed, as long as the server gives any. connected: it did give an answer.
func (l *logs) read(ctx context.Context) (connected bool, err error) {
	q := url.Values{"follow": {strconv.FormatBool(l.follow)}, "offset": {strconv.FormatInt(l.shown, 10)}}
	if l.step != "" {
		q.Set("step", l.step)
	}
	endless := *l.gateway
	endless.http = &http.Client{Transport: l.gateway.http.Transport}
	resp, err := endless.send(ctx, "", &derive.Request{Method: http.MethodGet, Path: cfsSessions + httpapi.Segment(l.name) + "/log?" + q.Encode()})
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, err := io.ReadAll(resp.Body)
		return true, cmp.Or(err, refused(resp.StatusCode, body))
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
	}
	if err := l.get(ctx, cfsSessions+httpapi.Segment(l.name)+"/log", &log); err != nil {
		return false, err
	}
	if !(job.State{Phase: log.Phase}).Over() {
		return false, nil
	}
	if log.Phase != job.Succeeded {
		return true, failed("session %s %s: %s", l.name, log.Phase, log.Message)
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
