package cfs

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
)

// checkLayers tells what is wrong with a configuration before its branches are
// looked up. branchTitle is the summary of the interface's version.
func (c *Configuration) checkLayers(branchTitle string) error {
	for i := range c.Layers {
		if err := c.Layers[i].check("layers["+strconv.Itoa(i)+"]", branchTitle); err != nil {
			return err
		}
	}
	if c.AdditionalInventory != nil {
		return c.AdditionalInventory.check("additional_inventory", branchTitle)
	}
	return nil
}

func (l *Layer) check(field, branchTitle string) error {
	err := fault.CheckName(field+".name", l.Name)
	if err != nil {
		return err
	}
	if l.Playbook, err = playbookPath(field+".playbook", l.Playbook); err != nil {
		return err
	}
	switch {
	case (l.CloneURL == "") == (l.Source == ""):
		return fault.Titled(fault.Invalid, "Error handling source", "%s must have either clone_url or source", field)
	case l.Branch != "" && l.Commit != "":
		return fault.Titled(fault.Invalid, branchTitle, "%s has both branch and commit; only one may be given", field)
	}
	return nil
}

// playbookPath is the one spelling of a playbook's path in its repository; no
// other place has playbooks.
func playbookPath(field, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	if err := fault.CheckName(field, name); err != nil {
		return name, err
	}
	clean := path.Clean(name)
	if path.IsAbs(clean) || strings.HasPrefix(clean, "~") || clean == "." || clean == ".." || strings.HasPrefix(clean, "../") {
		return name, fault.New(fault.Invalid, "'%s' is no path of a playbook in the repository - '%s'", name, field)
	}
	return clean, nil
}

// checkDuplicates refuses two layers with one repository and playbook: a
// component's state could not tell them apart. urls maps sources to their
// repositories.
func (c *Configuration) checkDuplicates(urls map[string]string, defaultPlaybook string) error {
	seen := map[[2]string]int{}
	for i, l := range c.Layers {
		key := [2]string{l.url(urls), orDefault(l.Playbook, defaultPlaybook)}
		if first, twice := seen[key]; twice {
			return fault.Titled(fault.Invalid, "Error with conflicting layers",
				"layers[%d] and layers[%d] have the same repository '%s' and playbook '%s'", first, i, key[0], key[1])
		}
		seen[key] = i
	}
	return nil
}

// all are pointers to the layers and the additional inventory.
func (c *Configuration) all() []*Layer {
	var out []*Layer
	for i := range c.Layers {
		out = append(out, &c.Layers[i])
	}
	if c.AdditionalInventory != nil {
		out = append(out, c.AdditionalInventory)
	}
	return out
}

// requiresDKMS reports whether any layer asks for DKMS when images are
// customized.
func (c *Configuration) requiresDKMS() bool {
	return slices.ContainsFunc(c.Layers, func(l Layer) bool {
		p := l.SpecialParameters
		return p != nil && p.IMSRequireDKMS != nil && *p.IMSRequireDKMS
	})
}

// sources are the names of those that the configuration uses, each once.
func (c *Configuration) sources() []string {
	var out []string
	for _, l := range c.all() {
		if l.Source != "" && !slices.Contains(out, l.Source) {
			out = append(out, l.Source)
		}
	}
	return out
}

// clone is a copy that shares no layer.
func (c Configuration) clone() Configuration {
	c.Layers = slices.Clone(c.Layers)
	if c.AdditionalInventory != nil {
		inventory := *c.AdditionalInventory
		c.AdditionalInventory = &inventory
	}
	return c
}

func (l *Layer) url(urls map[string]string) string {
	if l.Source != "" {
		return urls[l.Source]
	}
	return l.CloneURL
}

// pin is the layer as a job needs it.
func (l *Layer) pin(index int, urls map[string]string, defaultPlaybook string) JobLayer {
	return JobLayer{Index: index, Name: l.Name, CloneURL: l.url(urls), Commit: l.Commit, Source: l.Source,
		Playbook: orDefault(l.Playbook, defaultPlaybook)}
}

func (c *Configuration) pin(urls map[string]string, defaultPlaybook string) []JobLayer {
	out := make([]JobLayer, len(c.Layers))
	for i := range c.Layers {
		out[i] = c.Layers[i].pin(i, urls, defaultPlaybook)
	}
	return out
}

// selectLayers applies a session's configuration limit: a comma list of
// indices if all are numbers, else of exact layer names. The order stays that
// of the configuration; entries that match nothing select nothing.
func selectLayers(layers []JobLayer, limit string) []JobLayer {
	if limit == "" {
		return layers
	}
	items := strings.Split(limit, ",")
	numeric := !slices.ContainsFunc(items, func(s string) bool { _, err := strconv.ParseUint(s, 10, 32); return err != nil })
	out := []JobLayer{}
	for _, l := range layers {
		matches := func(item string) bool {
			if !numeric {
				return l.Name != "" && item == l.Name
			}
			n, _ := strconv.Atoi(item)
			return n == l.Index
		}
		if slices.ContainsFunc(items, matches) {
			out = append(out, l)
		}
	}
	return out
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
