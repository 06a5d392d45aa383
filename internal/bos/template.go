package bos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/bos/bootset"
	"github.com/drover-hpc/drover/internal/fault"
)

// Template is a session template: what a set of nodes should run.
type Template struct {
	Name        string       `json:"name"`
	Tenant      string       `json:"tenant,omitempty"`
	Description string       `json:"description,omitempty"`
	EnableCFS   *bool        `json:"enable_cfs,omitempty"`
	CFS         *bootset.CFS `json:"cfs,omitempty"`
	BootSets    BootSets     `json:"boot_sets"`
	// DerivedAt is when a session was last started by it, of one that was derived and that
	// nobody changed. Never served.
	DerivedAt time.Time `json:"derived_at,omitzero" hidden:"true"`
}

// BootSets are boot sets by name, in the order in which they were written: of
// several that name a node the last one counts.
type BootSets []NamedBootSet

// NamedBootSet is a boot set under its name.
type NamedBootSet struct {
	Name string
	bootset.BootSet
}

// UsesCFS tells whether sessions of the template set a configuration.
func (t *Template) UsesCFS() bool { return t.EnableCFS == nil || *t.EnableCFS }

// Configuration is what the nodes of the boot set should be configured with.
func (t *Template) Configuration(b *bootset.BootSet) string {
	if !t.UsesCFS() {
		return ""
	}
	return b.Configuration(t.CFS)
}

// Get finds a boot set by its name.
func (bs BootSets) Get(name string) *bootset.BootSet {
	for i := range bs {
		if bs[i].Name == name {
			return &bs[i].BootSet
		}
	}
	return nil
}

// MarshalJSON writes an object with the boot sets in order.
func (bs BootSets) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i := range bs {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(bs[i].Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(&bs[i].BootSet)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads an object and keeps its order; of a name given twice the
// last one counts.
func (bs *BootSets) UnmarshalJSON(raw []byte) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("boot_sets: expected an object")
	}
	*bs = nil
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		b := NamedBootSet{Name: name.(string)}
		if err := dec.Decode(&b.BootSet); err != nil {
			return err
		}
		*bs = append(slices.DeleteFunc(*bs, func(o NamedBootSet) bool { return o.Name == b.Name }), b)
	}
	return nil
}

// Schema describes the object.
func (BootSets) Schema(r huma.Registry) *huma.Schema {
	one, many := 1, 127
	return &huma.Schema{Type: huma.TypeObject, MinProperties: &one, MaxProperties: &many,
		Description:          "Boot sets by name: letters, digits, '.', '-' and '_', first and last a letter or digit",
		AdditionalProperties: r.Schema(typeOf[bootset.BootSet](), true, "BootSet")}
}

// settle brings the boot sets into the form in which they are kept, or says
// what is wrong with them.
func (t *Template) settle() error {
	if len(t.BootSets) == 0 {
		return fault.New(fault.Invalid, "boot_sets must name at least one boot set")
	}
	for i := range t.BootSets {
		b := &t.BootSets[i]
		if !validName(b.Name) {
			return fault.New(fault.Invalid, "boot set name '%s' may have up to %d letters, digits, '.', '-' and '_', the first and last a letter or digit", b.Name, maxName)
		}
		if b.BootSet.Name != "" && b.BootSet.Name != b.Name {
			return fault.New(fault.Invalid, "boot set '%s' has the name '%s': it must equal its key", b.Name, b.BootSet.Name)
		}
		b.BootSet.Name = ""
		if b.Arch == "" {
			b.Arch = "X86"
		}
		b.CFS = orNil(b.CFS)
		if !b.HasNodes() {
			return fault.New(fault.Invalid, "boot set '%s' needs at least one of node_list, node_groups and node_roles_groups", b.Name)
		}
		b.NodeList = eachOnce(bootset.Canonical(b.NodeList))
	}
	t.CFS = orNil(t.CFS)
	return nil
}

func orNil(c *bootset.CFS) *bootset.CFS {
	if c == nil || c.Configuration == "" {
		return nil
	}
	return c
}

// eachOnce leaves out names that stood before in the list.
func eachOnce(names []string) []string {
	seen := make(map[string]bool, len(names))
	return slices.DeleteFunc(names, func(n string) bool {
		again := seen[n]
		seen[n] = true
		return again
	})
}
