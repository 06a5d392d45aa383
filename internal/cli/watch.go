package cli

import (
	"context"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/drover-hpc/drover/internal/cli/watch"
	"github.com/drover-hpc/drover/internal/httpapi"
)

func (a *app) watch() *cobra.Command {
	var plain bool
	var w waiting
	cmd := a.verb("watch SESSION", "Follow a boot session until it is complete", arguments("SESSION"),
		func(cmd *cobra.Command, g *globals, args []string) error {
			s, err := a.open(g)
			if err != nil {
				return err
			}
			ctx, stop := w.bounded(cmd.Context())
			defer stop()
			return s.finally(s.follow(ctx, args[0], plain))
		})
	cmd.Long = "Follow a boot session until it is complete, or a staged one until it waits for applystaged. " +
		"If no session of BOS v2 has that name, one of BOS v1 with that ID is followed, by its phases.\n\n" +
		"The exit code tells the end: 0 if every node succeeded, 1 if any did not, 2 if there is no such session or no answer, " +
		"3 if every node succeeded but some that were asked for had been left out, " +
		"124 if --timeout ended the watch, which leaves the session as it is, 130 if it was interrupted. " +
		"Without a terminal, or with --plain, a line is printed for each change; with --format, where the session stands at the end, alone."
	cmd.Flags().DurationVar(&w.timeout, "timeout", 0, "end after a `DURATION` such as 30m; 0 waits as long as it takes")
	cmd.Flags().BoolVar(&plain, "plain", false, "print lines even on a terminal")
	return cmd
}

// follow shows a session until it is over and returns where it stands then, as a *watch.End;
// nil if it was never seen.
func (s *session) follow(ctx context.Context, name string, plain bool) (any, error) {
	var view watch.View = &watch.Plain{W: s.progress()}
	if out, is := s.app.terminal(); is && !plain && !s.asData {
		view = &watch.Screen{W: out, Color: s.app.Getenv("NO_COLOR") == "", Size: func() (int, int) { return terminalSize(out) }}
	}
	t, err := watch.Follow(ctx, s.watched(ctx, name), view, watch.DefaultPace)
	if t == nil {
		return nil, waitError(ctx, err, "session "+name)
	}
	end := t.End(time.Now())
	switch {
	case err != nil:
		return end, waitError(ctx, err, "session "+name)
	case !t.OK():
		return end, &ExitError{Code: 1}
	case t.LeftOut > 0:
		return end, &ExitError{Code: partly}
	}
	return end, nil
}

// terminal is the standard output, if that is one.
func (a *app) terminal() (out *os.File, is bool) {
	out, is = a.Stdout.(*os.File)
	return out, is && term.IsTerminal(int(out.Fd()))
}

func terminalSize(f *os.File) (columns, rows int) {
	columns, rows, err := term.GetSize(int(f.Fd()))
	if err != nil || columns < 40 {
		return 80, max(rows, 24)
	}
	return columns, rows
}

// bootSession is a session at the gateway.
type bootSession struct {
	*session
	name string
	why  map[string]string // node: what is known of its failed configuration
}

const bosAPI = "/apis/bos/v2"

// pageSize is how many components are asked for at a time.
const pageSize = 2000

func (b *bootSession) Snapshot(ctx context.Context) (*watch.Snapshot, error) {
	out := &watch.Snapshot{}
	path := bosAPI + "/sessions/" + httpapi.Segment(b.name)
	if err := b.get(ctx, path, &out.Session); err != nil {
		return nil, err
	}
	if err := b.get(ctx, path+"/status", &out.Extended); err != nil {
		return nil, err
	}
	var err error
	if out.Components, err = b.components(ctx, url.Values{"session": {b.name}}); err != nil {
		return nil, err
	}
	b.sayWhy(ctx, out.Components)
	return out, nil
}

// components are those of BOS that the query selects, page by page.
func (s *session) components(ctx context.Context, query url.Values) (all []watch.Component, err error) {
	query.Set("page_size", strconv.Itoa(pageSize))
	for {
		var page []watch.Component
		if err := s.get(ctx, bosAPI+"/components?"+query.Encode(), &page); err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < pageSize {
			return all, nil
		}
		query.Set("start_after_id", page[len(page)-1].ID)
	}
}

// Changes implements watch.Source.
func (b *bootSession) Changes(ctx context.Context) <-chan struct{} {
	return b.gateway.changes(ctx, "/apis/drover/v1/sessions/"+httpapi.Segment(b.name)+"/events")
}
