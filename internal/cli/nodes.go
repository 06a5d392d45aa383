package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/cli/derive"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/xname"
	"github.com/drover-hpc/drover/internal/xname/pick"
)

// allowUnknown is the option that sends names which HSM does not know.
const allowUnknown = "allow-unknown"

// withAllowUnknown gives a command that names nodes the option.
func withAllowUnknown(d *derive.Command) *derive.Command {
	if !slices.ContainsFunc(d.Options, func(o derive.Option) bool { return o.Nodes != derive.NoNodes }) {
		return d
	}
	with := *d
	with.Options = append(slices.Clone(d.Options), local(derive.Switch, allowUnknown, "send names that HSM does not know, too"))
	return &with
}

// writeOutNodes replaces ranges, enclosures, wildcards and NIDs by names of
// nodes: services know no others. Unknown names are refused, under the name of
// the published tool only told.
func (s *session) writeOutNodes(ctx context.Context, in *derive.Input) error {
	var inventory *pick.Inventory
	var silence error
	asked := false
	for i := range in.Command.Options {
		o := &in.Command.Options[i]
		given, ok := in.Given(o.Name)
		if o.Nodes == derive.NoNodes || !ok || given == "" || given == "all" || given == "*" {
			continue
		}
		if !asked {
			inventory, silence = s.inventory(ctx)
			asked = true
		}
		written, unknown, err := writeOut(inventory, o.Nodes, given)
		if err != nil {
			return usageError("Invalid value for '--%s': %v.", o.Name, err)
		}
		if len(unknown) > 0 || silence != nil {
			if err := s.doubt(in, o.Name, inventory, unknown, silence); err != nil {
				return err
			}
		}
		in.Values[o.Name] = []string{written}
	}
	return nil
}

func writeOut(i *pick.Inventory, form derive.NodesForm, value string) (written string, unknown []string, err error) {
	if form == derive.NodesLimit {
		return i.Limit(value)
	}
	p, err := i.List(value)
	return strings.Join(p.Names, ","), p.Unknown, err
}

// doubt tells of names of which HSM does not know what they stand for, or
// refuses them.
func (s *session) doubt(in *derive.Input, option string, i *pick.Inventory, unknown []string, silence error) error {
	_, allowed := in.Given(allowUnknown)
	switch {
	case s.app.name == "cray" && silence != nil:
		return nil // the published tool asks nobody
	case silence != nil && len(unknown) > 0 && !allowed:
		return usageError("Invalid value for '--%s': what %s stands for only HSM can tell, which gives no answer: %v. (--%s sends it as it is)",
			option, xname.Fold(unknown), silence, allowUnknown)
	case silence != nil:
		fmt.Fprintf(s.app.Stderr, "Warning: the names of --%s are not checked, HSM gives no answer: %v\n", option, silence)
	case s.app.name == "cray" || allowed:
		fmt.Fprintf(s.app.Stderr, "Warning: --%s: %s\n", option, i.NotKnown(unknown))
	default:
		return usageError("Invalid value for '--%s': %s. (--%s sends it all the same)", option, i.NotKnown(unknown), allowUnknown)
	}
	return nil
}

// inventoryPatience is how long a command that only wants to check names waits
// for HSM.
const inventoryPatience = 10 * time.Second

// inventory asks HSM what names may stand for.
func (s *session) inventory(ctx context.Context) (*pick.Inventory, error) {
	ctx, cancel := context.WithTimeout(ctx, inventoryPatience)
	defer cancel()
	return pick.Gather(ctx, s.get)
}

// nodeNames are the nodes that an argument NODE means. The name of one node is
// taken at its word.
func (s *session) nodeNames(ctx context.Context, arg string) ([]string, error) {
	if node := xname.Normalize(arg); xname.IsNode(node) {
		return []string{node}, nil
	}
	if _, err := xname.Expand(arg); err != nil {
		return nil, usageError("Invalid value for 'NODE': %v.", err)
	}
	inventory, silence := s.inventory(ctx)
	p, err := inventory.List(arg)
	switch {
	case err != nil:
		return nil, err
	case silence != nil && slices.ContainsFunc(p.Names, func(n string) bool { return !xname.IsNode(n) }):
		return nil, failed("what '%s' stands for only HSM can tell, which gives no answer: %v", arg, silence)
	case len(p.Unknown) > 0:
		return nil, usageError("Invalid value for 'NODE': %s.", inventory.NotKnown(p.Unknown))
	case len(p.Names) == 0:
		return nil, usageError("Invalid value for 'NODE': '%s' names no node.", arg)
	}
	return p.Names, nil
}

// nodesToDrive are the nodes that the arguments mean of a verb that does something to
// them. HSM has to know them, if it gives an answer.
func (s *session) nodesToDrive(ctx context.Context, args []string) ([]string, error) {
	nodes, err := s.nodeNames(ctx, strings.Join(args, ","))
	if err == nil && len(nodes) == 1 {
		err = s.mustKnow(ctx, nodes[0])
	}
	return nodes, err
}

// mustKnow refuses a node that HSM does not know. Without an answer of HSM it
// refuses nothing.
func (s *session) mustKnow(ctx context.Context, node string) error {
	inventory, err := s.inventory(ctx)
	if err != nil {
		return nil //nolint:nilerr // explain says what is known without HSM
	}
	if p, err := inventory.List(node); err == nil && len(p.Unknown) > 0 {
		return usageError("Invalid value for 'NODE': %s.", inventory.NotKnown(p.Unknown))
	}
	return nil
}

// describeComponent is where BOS tells of a node.
func describeComponent(node string) string { return bosAPI + "/components/" + httpapi.Segment(node) }

// manyNodes is how many nodes there are, and which.
func manyNodes(nodes []string) string {
	switch len(nodes) {
	case 0:
		return "no nodes"
	case 1:
		return "1 node (" + nodes[0] + ")"
	}
	return fmt.Sprintf("%d nodes (%s)", len(nodes), xname.Fold(nodes))
}
