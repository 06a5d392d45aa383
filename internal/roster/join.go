package roster

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/ims"

	"github.com/drover-hpc/drover/internal/xname"
)

// Reports are what the services say; those of a silent one are nil. The members are
// named as the services' interfaces have them.
type Reports struct {
	Hardware   []Hardware
	Power      []Power
	Components []Component
	Configs    []Config
	Images     []Image
}

// Hardware is a component of the Hardware State Manager.
type Hardware struct {
	ID      string `json:"ID"`
	Type    string `json:"Type"`
	State   string `json:"State"`
	Flag    string `json:"Flag"`
	Enabled *bool  `json:"Enabled"`
	Role    string `json:"Role"`
	SubRole string `json:"SubRole"`
	NID     *int   `json:"NID"`
	Locked  bool   `json:"Locked"`
}

// Power is what the power service says of a component.
type Power struct {
	Xname           string `json:"xname"`
	PowerState      string `json:"powerState"`
	ManagementState string `json:"managementState"`
	Error           string `json:"error"`
}

// Component is one of the boot service.
type Component struct {
	ID          string `json:"id"`
	ActualState struct {
		BootArtifacts Artifacts `json:"boot_artifacts"`
	} `json:"actual_state"`
	DesiredState struct {
		BootArtifacts Artifacts `json:"boot_artifacts"`
		Configuration string    `json:"configuration"`
	} `json:"desired_state"`
	Status struct {
		Phase      string `json:"phase"`
		Status     string `json:"status"`
		PhaseSince string `json:"phase_since"`
		// Since, if it is set, stands for PhaseSince.
		Since time.Time `json:"-"`
	} `json:"status"`
	Enabled   bool   `json:"enabled"`
	Error     string `json:"error"`
	Session   string `json:"session"`
	V1Session string `json:"v1_session"`
}

// Artifacts are what a node boots.
type Artifacts struct {
	Kernel string `json:"kernel"`
}

// Config is a component of the configuration service.
type Config struct {
	ID            string `json:"id"`
	DesiredConfig string `json:"desired_config"`
	Status        string `json:"configuration_status"`
}

// Image is one of the image service.
type Image struct {
	Name string `json:"name"`
	Link *struct {
		Path string `json:"path"`
	} `json:"link"`
}

// Join puts together what the services say of each node that HSM or BOS knows, in the
// order of the names. Only those of among are told of; nil is all.
func Join(r *Reports, among map[string]bool) []Node {
	j := joining{among: among, nodes: make([]Node, 0, max(len(r.Hardware), len(r.Components)))}
	for i := range r.Hardware {
		h := &r.Hardware[i]
		if (h.Type == string(xname.Node) || h.Type == "" && xname.IsNode(h.ID)) && j.wanted(h.ID) {
			j.nodes = append(j.nodes, Node{Xname: h.ID})
			j.hardware(h)
		}
	}
	j.arrange()
	found := len(j.nodes)
	for i := range r.Components {
		if c := &r.Components[i]; j.known(c.ID) == nil && j.wanted(c.ID) {
			j.nodes = append(j.nodes, Node{Xname: c.ID})
		}
	}
	if len(j.nodes) > found {
		j.arrange()
	}
	images := imagesOf(r.Images)
	for i := range r.Components {
		j.component(&r.Components[i], images)
	}
	for i := range r.Configs {
		c := &r.Configs[i]
		if n := j.known(c.ID); n != nil {
			n.Configuration, n.ConfigStatus = cmp.Or(c.DesiredConfig, n.Configuration), c.Status
		}
	}
	for i := range r.Power {
		p := &r.Power[i]
		if n := j.known(p.Xname); n != nil {
			n.Power, n.Management, n.Error = p.PowerState, p.ManagementState, cmp.Or(n.Error, p.Error)
		}
	}
	return j.nodes
}

// joining are the nodes that are put together, in the order of their names once arranged.
type joining struct {
	nodes []Node
	next  int // the node that is likely to be asked for next: services tell in order, too
	among map[string]bool
}

func (j *joining) wanted(name string) bool { return j.among == nil || j.among[name] }

func (j *joining) arrange() {
	slices.SortFunc(j.nodes, func(a, b Node) int { return strings.Compare(a.Xname, b.Xname) })
}

// known is the node of that name, nil if there is none. The nodes have to be arranged.
func (j *joining) known(name string) *Node {
	if j.next >= len(j.nodes) || j.nodes[j.next].Xname != name {
		at, is := slices.BinarySearchFunc(j.nodes, name, func(n Node, name string) int { return strings.Compare(n.Xname, name) })
		if !is {
			return nil
		}
		j.next = at
	}
	j.next++
	return &j.nodes[j.next-1]
}

// hardware is of the node that was added last.
func (j *joining) hardware(h *Hardware) {
	n := &j.nodes[len(j.nodes)-1]
	n.State, n.Flag, n.Role, n.SubRole, n.NID, n.Locked = h.State, h.Flag, h.Role, h.SubRole, h.NID, h.Locked
	n.Disabled = h.Enabled != nil && !*h.Enabled
}

func (j *joining) component(c *Component, images ims.Names) {
	n := j.known(c.ID)
	if n == nil {
		return
	}
	n.Status, n.Phase, n.Enabled, n.Error = c.Status.Status, c.Status.Phase, c.Enabled, c.Error
	n.Session = cmp.Or(c.V1Session, c.Session)
	n.Configuration = c.DesiredState.Configuration
	n.Image = images.Of(c.ActualState.BootArtifacts.Kernel)
	n.DesiredImage = images.Of(c.DesiredState.BootArtifacts.Kernel)
	if !c.Status.Since.IsZero() {
		n.Since = &c.Status.Since
	} else if t, err := time.Parse("2006-01-02T15:04:05", c.Status.PhaseSince); err == nil {
		n.Since = &t
	}
}

// imagesOf are the names of the images.
func imagesOf(list []Image) ims.Names {
	out := make(ims.Names, len(list))
	for _, i := range list {
		if i.Link != nil {
			out.Add(i.Link.Path, i.Name)
		}
	}
	return out
}
