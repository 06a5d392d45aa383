package cli

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/cli/derive"
)

var argument = regexp.MustCompile(`\{[^}]*\}`)

// leaf is the verb of a derived command: its options, then a call.
func (a *app) leaf(prefix string, d *derive.Command) *cobra.Command {
	g := new(globals)
	if a.name == "drover" {
		d = withAllowUnknown(d)
	}
	cmd := &cobra.Command{Use: d.Verb, Short: d.Summary, Long: long(d), Hidden: d.Hidden, Args: cobra.ArbitraryArgs}
	given := map[string]*words{}
	global := a.globalFlags(g)
	for i := range d.Options {
		o := &d.Options[i]
		if global.Lookup(o.Name) != nil {
			continue // such as --format of the hardware query: the global one counts for both
		}
		w := &words{count: max(o.Values, 1), repeat: o.Repeat, kind: metavar(o)}
		f := cmd.Flags().VarPF(w, o.Name, "", o.Help)
		if o.Kind == derive.Switch {
			f.NoOptDefVal = "true"
		}
		given[o.Name] = w
	}
	var yes, dryRun bool
	foretold := d.Foretell != nil && a.name == "drover"
	if d.Danger != "" || foretold {
		cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	}
	if foretold {
		cmd.Flags().BoolVar(&dryRun, "dry-run", false, "tell what would come of it, and do nothing")
	}
	cmd.Flags().AddFlagSet(global)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s, err := a.open(g)
		if err != nil {
			return err
		}
		in := &derive.Input{Command: d, Args: args, Values: s.values(cmd, d, given),
			Fetch: func(method, path string, body any) ([]byte, error) {
				return s.gateway.do(cmd.Context(), "", &derive.Request{Method: method, Path: path, Body: body})
			}}
		return s.carryOut(cmd.Context(), prefix, in, yes, dryRun)
	}
	a.completeLeaf(cmd, g, prefix, d)
	a.derived[cmd] = d
	return cmd
}

// carryOut makes the call of a derived command, after all that comes before it.
func (s *session) carryOut(ctx context.Context, prefix string, in *derive.Input, yes, dryRun bool) error {
	if err := s.writeOutNodes(ctx, in); err != nil {
		return err
	}
	d := in.Command
	r, err := d.Request(in)
	if err != nil {
		return err
	}
	if d.Danger != "" && !yes && !s.app.confirm(d.Danger) {
		return abort
	}
	if d.Foretell != nil && s.app.name == "drover" {
		if goOn, err := s.foretell(in, r, yes, dryRun); !goOn || err != nil {
			return err
		}
	}
	answer, err := s.run(ctx, prefix, r)
	if err != nil || d.After == nil || s.app.name == "cray" {
		return err
	}
	return d.After(in, answer)
}

func long(d *derive.Command) string {
	if d.Description == "" || d.Description == d.Summary {
		return d.Summary
	}
	return strings.TrimSpace(d.Summary + "\n\n" + d.Description)
}

// values collects what has a value, in the order command line, environment,
// configuration, default.
func (s *session) values(cmd *cobra.Command, d *derive.Command, given map[string]*words) map[string][]string {
	out := map[string][]string{}
	path := strings.Fields(cmd.CommandPath())[1:]
	for i := range d.Options {
		o := &d.Options[i]
		switch f := cmd.Flags().Lookup(o.Name); {
		case given[o.Name] == nil && f.Changed:
			out[o.Name] = []string{f.Value.String()}
		case given[o.Name] == nil:
		case f.Changed:
			out[o.Name] = given[o.Name].list
		default:
			if v := s.preset(path, o.Name); v != "" {
				out[o.Name] = []string{v}
			} else if o.Default != "" {
				out[o.Name] = []string{o.Default}
			}
		}
	}
	return out
}

// preset is an option's value from the environment or the configuration.
func (s *session) preset(path []string, option string) string {
	name := strings.ReplaceAll(option, "-", "_")
	if slices.Contains([]string{"hostname", "tenant", "quiet", "format"}, name) {
		return "" // these always mean the [core] keys, which are no options of commands
	}
	key := strings.ToUpper("CRAY_" + strings.Join(append(slices.Clone(path), name), "_"))
	if v := s.app.Getenv(strings.ReplaceAll(key, "-", "_")); v != "" {
		return v
	}
	return s.config.Text(append(slices.Clone(path), name)...)
}

// words is the value of an option that takes text.
type words struct {
	count  int
	repeat bool
	kind   string
	list   []string
}

// between separates the words of one option after find.
const between = "\x1f"

func (w *words) Set(text string) error {
	if !w.repeat {
		w.list = nil
	}
	parts := []string{text}
	if w.count > 1 {
		parts = strings.Split(text, between)
	}
	if len(parts) != w.count {
		return fmt.Errorf("%d values are needed, separate words behind the option", w.count)
	}
	w.list = append(w.list, parts...)
	return nil
}

func (w *words) String() string { return strings.Join(w.list, " ") }
func (w *words) Type() string   { return w.kind }

// find returns the command that args name, and args with the values of options
// that take several words made one word.
func find(root *cobra.Command, args []string) (*cobra.Command, []string, error) {
	cmd, n := root, 0
	for n < len(args) {
		next := named(cmd, args[n])
		if next == nil {
			break
		}
		cmd, n = next, n+1
	}
	if n < len(args) && cmd.HasSubCommands() && cmd.Annotations[takesNames] == "" && !strings.HasPrefix(args[n], "-") && !strings.HasPrefix(args[n], "__") {
		return cmd, nil, &unknownCommand{args[n]}
	}
	out := slices.Clone(args[:n])
	for ; n < len(args) && args[n] != "--"; n++ {
		out = append(out, args[n])
		name, isOption := strings.CutPrefix(args[n], "--")
		if !isOption {
			continue
		}
		f := cmd.Flags().Lookup(name)
		if f == nil {
			continue
		}
		w, ok := f.Value.(*words)
		if !ok || w.count < 2 {
			continue
		}
		if n+w.count >= len(args) {
			return cmd, nil, usageError("Option '%s' requires %d arguments.", args[n], w.count)
		}
		out = append(out, strings.Join(args[n+1:n+1+w.count], between))
		n += w.count
	}
	return cmd, append(out, args[n:]...), nil
}

func named(parent *cobra.Command, word string) *cobra.Command {
	for _, c := range parent.Commands() {
		if c.Name() == word || c.HasAlias(word) {
			return c
		}
	}
	return nil
}
