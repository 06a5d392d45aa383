package cli

import (
	"cmp"
	"context"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/cli/format"
	"github.com/drover-hpc/drover/internal/roster"
	"github.com/drover-hpc/drover/internal/roster/overview"
	"github.com/drover-hpc/drover/internal/xname"
)

// statusForms are the forms in which `drover status` prints.
var statusForms = []string{"table", "wide", "json", "yaml", "toml", "csv", "name"}

// statusWish is what of the nodes is to be shown, and how.
type statusWish struct {
	nodes                 string // as it was written; empty: all
	watch                 bool
	filters               []string
	sortBy, groupBy, form string
	keep                  []overview.Filter
	order                 overview.Order
}

func (a *app) status() *cobra.Command {
	var w statusWish
	cmd := a.verb("status [NODES]...", "Show where all nodes stand, in a line for those that stand alike", cobra.ArbitraryArgs,
		func(cmd *cobra.Command, g *globals, args []string) error {
			s, err := a.open(g)
			if err != nil {
				return err
			}
			w.nodes = strings.Join(args, ",")
			if w.form == "" && s.asData {
				w.form = s.format
			}
			if err := w.check(); err != nil {
				return err
			}
			if w.watch {
				ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt) // to leave the terminal as it was
				defer stop()
				return s.watchStatus(ctx, &w)
			}
			return s.status(cmd.Context(), &w)
		})
	cmd.Long = "Show where nodes stand: power, state by HSM, status by BOS and for how long it is in a phase, image (in parentheses " +
		"the one it should run, if that is another), configuration with its status unless it is configured, session, and the last error. " +
		"Nodes that stand alike share a line; * in a name stands for all numbers that there are. Of what a service that gives no answer knows there is a question mark.\n\n" +
		"NODES are names, ranges such as x1000c0s[0-7]b0n0, enclosures such as x1000c0, NIDs, groups and roles; none is all.\n\n" +
		"A --filter is FIELD=VALUE or FIELD!=VALUE, with several values between commas and * as a wildcard; of several filters all have to fit. The fields are " +
		strings.Join(overview.Fields(), ", ") + ".\n\n" +
		"With --watch the table is shown again at each change, in its place on a terminal, until it is interrupted; a server that is away is waited for."
	f := cmd.Flags()
	f.StringVarP(&w.form, "output", "o", "", "form: "+strings.Join(statusForms, ", ")+"; table if not set")
	f.StringArrayVar(&w.filters, "filter", nil, "show only nodes with `FIELD=VALUE`; may be given again")
	f.StringVar(&w.sortBy, "sort-by", "", "`FIELD` by which to sort, with - before it the other way round")
	f.StringVar(&w.groupBy, "group-by", "", "head the lines of the table by "+strings.Join(overview.Groupings, ", "))
	f.BoolVarP(&w.watch, "watch", "w", false, "go on showing the table as it changes")
	return cmd
}

// check reads the options.
func (w *statusWish) check() (err error) {
	w.form = cmp.Or(w.form, "table")
	if !slices.Contains(statusForms, w.form) {
		return usageError("Invalid value for '--output': invalid choice: %s. (choose from %s)", w.form, strings.Join(statusForms, ", "))
	}
	for _, text := range w.filters {
		filter, err := overview.ParseFilter(text)
		if err != nil {
			return usageError("Invalid value for '--filter': %v.", err)
		}
		w.keep = append(w.keep, filter)
	}
	if w.order, err = overview.ParseOrder(w.sortBy); err != nil {
		return usageError("Invalid value for '--sort-by': %v.", err)
	}
	switch {
	case w.watch && w.form != "table" && w.form != "wide":
		return usageError("'--watch' is for tables, not for --output %s.", w.form)
	case w.groupBy == "":
	case !slices.Contains(overview.Groupings, w.groupBy):
		return usageError("Invalid value for '--group-by': invalid choice: %s. (choose from %s)", w.groupBy, strings.Join(overview.Groupings, ", "))
	case w.form != "table":
		return usageError("'--group-by' is for tables, not for --output %s.", w.form)
	}
	return nil
}

func (s *session) status(ctx context.Context, w *statusWish) error {
	ids, err := s.statusNodes(ctx, w)
	if err != nil {
		return err
	}
	answer, err := s.standing(ctx, ids)
	if err != nil {
		return err
	}
	text, err := s.written(w, answer)
	if err != nil {
		return err
	}
	if _, err := s.app.Stdout.Write([]byte(text)); err != nil {
		return err
	}
	return unheardOf(ids, answer)
}

// statusNodes are the nodes asked for; nil is all.
func (s *session) statusNodes(ctx context.Context, w *statusWish) ([]string, error) {
	if w.nodes == "" {
		return nil, nil
	}
	return s.nodeNames(ctx, w.nodes)
}

// rosterPath is where the nodes stand.
const rosterPath = "/apis/drover/v1/nodes"

// standing asks where the nodes stand.
func (s *session) standing(ctx context.Context, ids []string) (*roster.Answer, error) {
	path := rosterPath
	if ids != nil {
		path += "?" + url.Values{"ids": {strings.Join(ids, ",")}}.Encode()
	}
	answer := &roster.Answer{}
	return answer, s.get(ctx, path, answer)
}

// unheardOf complains of nodes that were asked for and that nobody knows.
func unheardOf(ids []string, a *roster.Answer) error {
	known := make(map[string]bool, len(a.Nodes))
	for i := range a.Nodes {
		known[a.Nodes[i].Xname] = true
	}
	missing := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return known[id] })
	if len(missing) == 0 {
		return nil
	}
	return failed("no service that gave an answer knows %s", xname.Fold(missing))
}

// written is the answer in the form that is wished.
func (s *session) written(w *statusWish, whole *roster.Answer) (string, error) {
	a := *whole
	a.Nodes = slices.Clone(overview.Keep(whole.Nodes, w.keep))
	overview.Sort(a.Nodes, w.order)
	var lines []string
	switch w.form {
	case "table":
		lines = overview.Table(&a, w.all(whole), w.groupBy)
	case "wide":
		lines = overview.Wide(&a)
	case "name":
		lines = overview.Names(&a)
	case "csv":
		return overview.CSV(&a), nil
	default:
		ordered, err := format.Of(&a)
		if err != nil {
			return "", err
		}
		var b strings.Builder
		err = format.WriteValue(&b, w.form, ordered)
		return b.String(), err
	}
	if len(lines) == 0 {
		return "", nil
	}
	return harmless(strings.Join(lines, "\n")) + "\n", nil
}

// all are the names that an asterisk may stand for: none where only some were asked for.
func (w *statusWish) all(a *roster.Answer) []string {
	if w.nodes != "" {
		return nil
	}
	return overview.Names(a)
}
