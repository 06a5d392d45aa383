package cfs

import "github.com/drover-hpc/drover/internal/fault"

// Version 2 is a translation: the same operations under other names, with its
// own success codes, without paging, and without what it has no name for.

// whole refuses a list that has more: v2 cannot page.
func whole[T any](list []T, more bool, err error) ([]T, error) {
	if err == nil && more {
		err = fault.Titled(fault.Invalid, "The response size is too large",
			"there are more than %d records; narrow the filters, use v3 with paging, or raise the option default_page_size", len(list))
	}
	return list, err
}

// branchTitleV2 is the summary of the error about a layer with branch and commit.
const branchTitleV2 = "Error handling error branches"

type layerV2 struct {
	Name              string               `json:"name,omitempty" doc:"Name of the layer"`
	CloneURL          string               `json:"cloneUrl" format:"git-word" doc:"Repository"`
	Playbook          string               `json:"playbook,omitempty" format:"git-word" doc:"Playbook to run; the option defaultPlaybook without it"`
	Commit            string               `json:"commit,omitempty" format:"commit" doc:"Commit to use; give this or branch"`
	Branch            string               `json:"branch,omitempty" format:"git-word" doc:"Branch whose head is looked up now; give this or commit"`
	SpecialParameters *specialParametersV2 `json:"specialParameters,omitempty"`
}

type specialParametersV2 struct {
	IMSRequireDKMS *bool `json:"imsRequireDkms,omitempty" doc:"Whether image customization needs DKMS"`
}

type inventoryV2 struct {
	Name     string `json:"name,omitempty" doc:"Name of the inventory"`
	CloneURL string `json:"cloneUrl" format:"git-word" doc:"Repository"`
	Commit   string `json:"commit,omitempty" format:"commit" doc:"Commit to use; give this or branch"`
	Branch   string `json:"branch,omitempty" format:"git-word" doc:"Branch whose head is looked up now; give this or commit"`
}

type configurationV2Input struct {
	Description         string       `json:"description,omitempty" doc:"Free text"`
	Layers              []layerV2    `json:"layers,omitempty" doc:"Layers in the order in which they run"`
	AdditionalInventory *inventoryV2 `json:"additional_inventory,omitempty" doc:"Repository whose files are added to the inventory"`
}

type configurationV2 struct {
	Name                string       `json:"name"`
	Description         string       `json:"description,omitempty"`
	LastUpdated         string       `json:"lastUpdated"`
	Layers              []layerV2    `json:"layers"`
	AdditionalInventory *inventoryV2 `json:"additional_inventory,omitempty"`
}

func (in configurationV2Input) configuration(name string) Configuration {
	c := Configuration{Name: name, Description: in.Description, Layers: make([]Layer, len(in.Layers))}
	for i, l := range in.Layers {
		c.Layers[i] = Layer{Name: l.Name, CloneURL: l.CloneURL, Playbook: l.Playbook, Commit: l.Commit, Branch: l.Branch}
		if p := l.SpecialParameters; p != nil {
			c.Layers[i].SpecialParameters = &SpecialParameters{IMSRequireDKMS: p.IMSRequireDKMS}
		}
	}
	if a := in.AdditionalInventory; a != nil {
		c.AdditionalInventory = &Layer{Name: a.Name, CloneURL: a.CloneURL, Commit: a.Commit, Branch: a.Branch}
	}
	return c
}

func (c Configuration) v2() configurationV2 {
	out := configurationV2{Name: c.Name, Description: c.Description, LastUpdated: c.LastUpdated, Layers: make([]layerV2, len(c.Layers))}
	for i, l := range c.Layers {
		out.Layers[i] = layerV2{Name: l.Name, CloneURL: l.CloneURL, Playbook: l.Playbook, Commit: l.Commit, Branch: l.Branch}
		if p := l.SpecialParameters; p != nil {
			out.Layers[i].SpecialParameters = &specialParametersV2{IMSRequireDKMS: p.IMSRequireDKMS}
		}
	}
	if a := c.AdditionalInventory; a != nil {
		out.AdditionalInventory = &inventoryV2{Name: a.Name, CloneURL: a.CloneURL, Commit: a.Commit, Branch: a.Branch}
	}
	return out
}
