package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/cli/watch"
	"github.com/drover-hpc/drover/internal/roster"
)

// statusPace is that of a table that stays open all day: looks at ten thousand nodes
// take a tenth of the time at most.
var statusPace = watch.Pace{Poll: 2 * time.Second, Resync: 15 * time.Second, Least: 200 * time.Millisecond, Share: 9}

// clockTime is how a time of today is written.
const clockTime = "15:04:05"

// board shows where the nodes stand, again and again.
type board struct {
	*session
	wish    *statusWish
	ids     []string
	size    func() (columns, rows int) // nil: not a terminal
	frame   watch.Frame
	answer  *roster.Answer
	heard   time.Time // when the answer came
	trouble string    // why there is no newer one
	shown   string    // the last table that was printed, without its times
}

// watchStatus shows where the nodes stand until it is interrupted.
func (s *session) watchStatus(ctx context.Context, w *statusWish) error {
	ids, err := s.statusNodes(ctx, w)
	if err != nil {
		return err
	}
	b := &board{session: s, wish: w, ids: ids}
	if out, is := s.app.terminal(); is {
		b.size = func() (int, int) { return terminalSize(out) }
		defer b.frame.End(out)
	}
	err = statusPace.Repeat(ctx, s.gateway.changes(ctx, rosterPath+"/events"), func() (bool, error) { return false, b.look(ctx) }, b.show)
	if ctx.Err() != nil {
		return &ExitError{Code: 130}
	}
	return err
}

// look asks again. That there is no answer for now is an error at first, and something to
// show later; that the server refuses is always one.
func (b *board) look(ctx context.Context) error {
	answer, err := b.standing(ctx, b.ids)
	switch {
	case err == nil && b.answer == nil:
		err = unheardOf(b.ids, answer)
	case err != nil && b.answer != nil && ctx.Err() == nil && passing(err):
		b.trouble = err.Error()
		b.show(time.Now())
		return nil
	}
	if err != nil {
		return err
	}
	b.answer, b.heard, b.trouble = answer, time.Now(), ""
	if b.size == nil {
		return b.print()
	}
	b.show(b.heard)
	return nil
}

// print prints the table if it is another than the last one, whatever the time.
func (b *board) print() error {
	timeless := *b.answer
	timeless.Nodes = nil
	for _, n := range b.answer.Nodes {
		n.Since = nil
		timeless.Nodes = append(timeless.Nodes, n)
	}
	what, err := b.written(b.wish, &timeless)
	if err != nil || what == b.shown {
		return err
	}
	b.shown = what
	text, err := b.written(b.wish, b.answer)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(b.app.Stdout, "%s\n%s\n", b.answer.Time.Local().Format(clockTime), text)
	return err
}

// show draws what is known on a terminal, as of now.
func (b *board) show(now time.Time) {
	if b.size == nil || b.answer == nil {
		return
	}
	answer := *b.answer
	answer.Time = answer.Time.Add(now.Sub(b.heard))
	text, err := b.written(b.wish, &answer)
	if err != nil {
		return // it could be written when it came
	}
	columns, rows := b.size()
	b.frame.Draw(b.app.Stdout, b.fitted(strings.Split(strings.TrimSuffix(text, "\n"), "\n"), columns, rows))
}

// fitted are the lines below a heading, as far as the terminal has room.
func (b *board) fitted(table []string, columns, rows int) []string {
	heading := "as of " + b.answer.Time.Local().Format(clockTime)
	if b.trouble != "" {
		heading += ", no newer answer: " + harmless(b.trouble)
	}
	lines := append([]string{heading, ""}, table...)
	if most := max(rows-1, 3); len(lines) > most {
		left := len(lines) - most + 1
		lines = append(lines[:most-1], fmt.Sprintf("and %d more lines: a taller terminal, NODES or --filter show them", left))
	}
	for i := range lines {
		lines[i] = watch.Cut(lines[i], columns)
	}
	return lines
}
