package aee

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"

	"github.com/drover-hpc/drover/internal/aee/plugin"
	"github.com/drover-hpc/drover/internal/aee/trust"
	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/xname"
)

// generated is the inventory's file in hosts/. Ansible reads the files there
// in the order of their names: others may override it.
const generated = "01-cfs-generated.yaml"

// Inventory is the second step: the inventory, Ansible's configuration, the
// plugins and the SSH key.
func Inventory(ctx context.Context, d Dir, out io.Writer) error {
	job, err := readJob(d)
	if err != nil {
		return err
	}
	settings, err := readSettings(d)
	if err != nil {
		return err
	}
	config, err := ansibleConfig(settings.ConfigDir, job.AnsibleConfig)
	if err != nil {
		return err
	}
	if err := os.WriteFile(d.Path("ansible.cfg"), config, 0o600); err != nil {
		return err
	}
	if err := plugin.Unpack(d.Path("plugins")); err != nil {
		return fmt.Errorf("unpack the Ansible plugins: %w", err)
	}
	if settings.KeyDir != "" {
		if err := takeKey(d, settings); err != nil {
			return err
		}
	}
	inv, err := generate(ctx, d, job, &settings, out)
	if err != nil {
		return fmt.Errorf("inventory of target %s: %w", job.Target, err)
	}
	return inv.write(d)
}

// issueKey is the supervisor's: no step sees the authority's key.
func issueKey(d Dir, job cfs.Job, settings Settings) error {
	ca, err := trust.Open(settings.TrustDir, nil)
	if err != nil {
		return err
	}
	if err := d.Mkdir("ssh"); err != nil {
		return err
	}
	return ca.Issue(key(d), job.Session)
}

// inventory is an Ansible inventory. JSON is YAML that Ansible reads fastest.
type inventory map[string]*group

type group struct {
	Hosts    map[string]hostVars `json:"hosts,omitempty"`
	Vars     map[string]any      `json:"vars,omitempty"`
	Children map[string]*group   `json:"children,omitempty"`
}

type hostVars map[string]any

func generate(ctx context.Context, d Dir, job cfs.Job, settings *Settings, out io.Writer) (inventory, error) {
	client, ports := settings.hardware(), settings.SSHPorts
	switch job.Target {
	case "dynamic", "":
		fleet, err := readFleet(ctx, client, ports)
		if err != nil {
			return nil, err
		}
		return fleet.inventory(out), nil
	case "spec":
		return specInventory(ctx, job.Groups, client, ports)
	case "repo":
		if job.Inventory == nil {
			return nil, errors.New("the configuration and the options name no additional inventory, which target repo needs")
		}
		return inventory{}, nil
	case "image":
		shells, err := openImages(ctx, d, job, settings, out)
		return imageInventory(job.Groups, shells, imageKey(d)), err
	}
	return nil, errors.New("unknown definition: expected dynamic, spec, repo or image")
}

func (inv inventory) write(d Dir) error {
	if inv["all"] == nil {
		inv["all"] = &group{}
	}
	// True for image hosts; the group_vars of the site outrank this default.
	inv["all"].Vars = map[string]any{"cray_cfs_image": false}
	text, err := json.Marshal(inv)
	if err != nil {
		return fmt.Errorf("encode inventory: %w", err)
	}
	if err := d.Mkdir("hosts"); err != nil {
		return err
	}
	return os.WriteFile(d.Path("hosts", generated), text, 0o600)
}

// specInventory has the session's own groups. Members that are nodes get their
// address from HSM.
func specInventory(ctx context.Context, groups []cfs.TargetGroup, client *hsm.Client, ports map[string]int) (inventory, error) {
	var known whereabouts
	if slices.ContainsFunc(groups, func(g cfs.TargetGroup) bool { return slices.ContainsFunc(g.Members, isNode) }) {
		var err error
		if known, err = find(ctx, client, ports); err != nil {
			return nil, err
		}
	}
	inv := inventory{}
	for _, g := range groups {
		inv[g.Name] = hostGroup(g.Members, known)
	}
	return inv, nil
}

func isNode(name string) bool { return xname.TypeOf(name) == xname.Node }

// inventory groups the nodes: HSM groups, over them partitions of the same
// name, over both roles and <Role>_<SubRole>. What Ansible would not take as a
// group's name is left out, with a word to out.
func (f fleet) inventory(out io.Writer) inventory {
	members := map[string][]string{}
	for _, g := range f.groups {
		members[g.Label] = g.Members.IDs
	}
	for _, p := range f.partitions {
		members[p.Name] = p.Members.IDs
	}
	maps.Copy(members, f.roles())
	all := &group{Children: map[string]*group{}}
	for name, ids := range members {
		if !validGroup(name) {
			fmt.Fprintf(out, "left out group %q: not a name that Ansible takes\n", name)
			continue
		}
		all.Children[name] = hostGroup(ids, f.where)
	}
	return inventory{"all": all}
}

func (f fleet) roles() map[string][]string {
	roles := map[string][]string{}
	for _, n := range f.nodes {
		if n.Role == "" {
			continue
		}
		roles[n.Role] = append(roles[n.Role], n.ID)
		if n.SubRole != "" {
			name := n.Role + "_" + n.SubRole
			roles[name] = append(roles[name], n.ID)
		}
	}
	return roles
}

func hostGroup(ids []string, where whereabouts) *group {
	g := &group{Hosts: make(map[string]hostVars, len(ids))}
	for _, id := range ids {
		g.Hosts[id] = where.vars(id)
	}
	return g
}

var (
	groupName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]+$`)
	// reserved are Python's keywords and Ansible's own groups.
	reserved = []string{"False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
		"def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda",
		"nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield", "all", "ungrouped"}
)

func validGroup(name string) bool {
	return groupName.MatchString(name) && !slices.Contains(reserved, name)
}
