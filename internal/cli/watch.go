package cli

import (
	"context"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/drover-hpc/drover/internal/cli/watch"
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
		"The exit code tells the end: 0 if every node succeeded, 1 if the session itself failed or was cancelled, 2 if there is no such session or no answer, " +
		"3 if it finished, but not every node that was asked for succeeded: some failed, were left out, or are another session's now, " +
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
	t, err := watch.Follow(ctx, followed{s.progressed().Find(ctx, name), s.gateway}, view, watch.DefaultPace)
	if t == nil {
		return nil, waitError(ctx, err, "session "+name)
	}
	end := t.End(time.Now())
	switch {
	case err != nil:
		return end, waitError(ctx, err, "session "+name)
	case t.Problem() != "":
		return end, &ExitError{Code: 1}
	case !t.OK() || t.LeftOut > 0:
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

const (
	bosAPI   = "/apis/bos/v2"
	bosFirst = "/apis/bos/v1/session/"
)
