package overview

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/roster"
)

// field is one thing that is known of a node.
type field struct {
	name string
	of   func(n *roster.Node) string
}

// fields are all, in the order of wide tables and CSV.
var fields = []field{
	{"xname", func(n *roster.Node) string { return n.Xname }},
	{"rack", func(n *roster.Node) string { return rack(n.Xname) }},
	{"nid", func(n *roster.Node) string {
		if n.NID == nil {
			return ""
		}
		return strconv.Itoa(*n.NID)
	}},
	{"role", func(n *roster.Node) string { return n.Role }},
	{"subrole", func(n *roster.Node) string { return n.SubRole }},
	{"power", func(n *roster.Node) string { return n.Power }},
	{"management", func(n *roster.Node) string { return n.Management }},
	{"state", func(n *roster.Node) string { return n.State }},
	{"flag", func(n *roster.Node) string { return n.Flag }},
	{"disabled", func(n *roster.Node) string { return strconv.FormatBool(n.Disabled) }},
	{"locked", func(n *roster.Node) string { return strconv.FormatBool(n.Locked) }},
	{"status", func(n *roster.Node) string { return n.Status }},
	{"phase", func(n *roster.Node) string { return n.Phase }},
	{"since", func(n *roster.Node) string {
		if n.Since == nil {
			return ""
		}
		return n.Since.UTC().Format(time.RFC3339)
	}},
	{"enabled", func(n *roster.Node) string { return strconv.FormatBool(n.Enabled) }},
	{"session", func(n *roster.Node) string { return n.Session }},
	{"image", func(n *roster.Node) string { return n.Image }},
	{"desired_image", func(n *roster.Node) string { return n.DesiredImage }},
	{"configuration", func(n *roster.Node) string { return n.Configuration }},
	{"configuration_status", func(n *roster.Node) string { return n.ConfigStatus }},
	{"error", func(n *roster.Node) string { return n.Error }},
}

// rack is the cabinet of a node.
func rack(name string) string {
	if i := strings.IndexByte(name, 'c'); i > 0 {
		return name[:i]
	}
	return name
}

// Fields are the names of all that is known of a node.
func Fields() []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.name
	}
	return out
}

// fieldNamed finds a field, however its words are joined.
func fieldNamed(name string) (field, error) {
	wanted := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), "-", "_")
	for _, f := range fields {
		if f.name == wanted {
			return f, nil
		}
	}
	return field{}, fmt.Errorf("there is no '%s': expected one of %s", name, strings.Join(Fields(), ", "))
}
