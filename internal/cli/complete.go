package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/cli/derive"
)

// completionPatience is how long a shell waits for names. A server that does
// not answer in that time has none.
const completionPatience = 1500 * time.Millisecond

// completer is what cobra asks for words that may stand next.
type completer = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective)

// Where names of options and of native arguments come from.
const (
	nodesPath          = hsmComponents + "?type=Node"
	bootSessionsPath   = bosAPI + "/sessions"
	templatesPath      = bosAPI + "/sessiontemplates"
	configurationsPath = "/apis/cfs/v3/configurations"
)

// namedBy tells of options whose value is the name of something.
var namedBy = map[string]string{"template-name": templatesPath, "configuration-name": configurationsPath, "desired-config": configurationsPath,
	"config-name": configurationsPath, "filter-config-name": configurationsPath, "cfs-configuration": configurationsPath}

// completeLeaf has a derived command complete its only argument by what stands
// at the route before it, and options by what they name.
func (a *app) completeLeaf(cmd *cobra.Command, g *globals, prefix string, d *derive.Command) {
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		before, _, found := strings.Cut(d.Route, "/{")
		if len(args) > 0 || len(d.Args) != 1 || !found {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.offered(cmd.Context(), g, prefix+before, strings.HasSuffix(d.Args[0].Name, "id"), begun), cobra.ShellCompDirectiveNoFileComp
	}
	for i := range d.Options {
		o := &d.Options[i]
		var complete completer
		switch path := namedBy[o.Name]; {
		case o.Nodes != derive.NoNodes:
			complete = a.completeList(g, nodesPath)
		case len(o.Enum) > 0:
			complete = cobra.FixedCompletions(o.Enum, cobra.ShellCompDirectiveNoFileComp)
		case path != "":
			complete = a.completeList(g, path)
		default:
			continue
		}
		if f := cmd.Flags().Lookup(o.Name); f != nil {
			_ = cmd.RegisterFlagCompletionFunc(o.Name, complete) // fails for options that there are not, or twice
		}
	}
}

// completeList offers the names at the paths, which have blanks between them, also
// behind a comma.
func (a *app) completeList(g *globals, paths string) completer {
	return func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		written := begun[:strings.LastIndexAny(begun, ",!&")+1]
		var names []string
		for path := range strings.FieldsSeq(paths) {
			names = append(names, a.offered(cmd.Context(), g, path, true, begun[len(written):])...)
		}
		for i := range names {
			names[i] = written + names[i]
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// offered are the names at the path that begin as it was begun; none without
// an answer. byID prefers identifiers to names.
func (a *app) offered(ctx context.Context, g *globals, path string, byID bool, begun string) []string {
	if ctx == nil {
		ctx = context.Background()
	}
	s, err := a.open(g)
	if err != nil {
		return nil
	}
	s.gateway.verbose = 0 // what it prints would be offered
	ctx, cancel := context.WithTimeout(ctx, completionPatience)
	defer cancel()
	answer, err := s.gateway.do(ctx, "", &derive.Request{Method: http.MethodGet, Path: path})
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(namesIn(answer, byID), func(n string) bool {
		return n == "" || !strings.HasPrefix(n, begun) || harmless(n) != n || strings.ContainsAny(n, "\t\n")
	})
}

// namesIn are the names of a list of things, or of the only list in an object.
func namesIn(answer []byte, byID bool) (names []string) {
	var list []json.RawMessage
	if json.Unmarshal(answer, &list) != nil {
		var object map[string]json.RawMessage
		if json.Unmarshal(answer, &object) != nil {
			return nil
		}
		for _, v := range object {
			if json.Unmarshal(v, &list) == nil && len(list) > 0 {
				break
			}
		}
	}
	keys := []string{"name", "label", "id", "ID", "xname"}
	if byID {
		keys = []string{"id", "ID", "xname", "name", "label"}
	}
	for _, item := range list {
		var thing map[string]any
		var name string
		if json.Unmarshal(item, &name) != nil && json.Unmarshal(item, &thing) == nil {
			for _, k := range keys {
				if name, _ = thing[k].(string); name != "" {
					break
				}
			}
		}
		names = append(names, name)
	}
	return names
}
