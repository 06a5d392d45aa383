package plan

import (
	"time"

	"github.com/drover-hpc/drover/internal/bos"
)

// Plan is what a session would do, as things stood at a time.
type Plan struct {
	ID              string        `json:"id" doc:"Under which it can be applied for a day"`
	Tenant          string        `json:"tenant,omitempty" doc:"Tenant that the session would belong to"`
	Session         string        `json:"session,omitempty" doc:"Session that was started of it; empty until it is applied"`
	At              time.Time     `json:"at" doc:"As of when it holds"`
	Name            string        `json:"name,omitempty" doc:"Name of the session, if one was given"`
	Operation       bos.Operation `json:"operation" enum:"boot,reboot,shutdown"`
	TemplateName    string        `json:"template_name"`
	Image           string        `json:"image,omitempty" doc:"ID or name of the image that was asked for in place of the template's"`
	Configuration   string        `json:"configuration,omitempty" doc:"Configuration that was asked for in place of the template's"`
	Limit           string        `json:"limit"`
	Stage           bool          `json:"stage" doc:"It would only be noted: applystaged does it"`
	IncludeDisabled bool          `json:"include_disabled"`
	Nodes           int           `json:"nodes" doc:"How many the session would deal with"`
	Groups          []Group       `json:"groups" nullable:"false" doc:"The nodes, those together of which the same is to be said"`
	LeftOut         []bos.LeftOut `json:"left_out,omitempty" doc:"Nodes and names that were asked for and would not be dealt with, and why"`
	LeftOutCount    int           `json:"left_out_count,omitempty" doc:"How many there are: a thousand at most are named"`
	Boots           []BootTime    `json:"boots,omitempty" doc:"How long boots of the images that are to be booted took"`
}

func (p *Plan) key() string { return key(p.Tenant, p.ID) }

func key(tenant, id string) string { return tenant + "/" + id }

// Group are nodes of which the same is to be said.
type Group struct {
	Nodes []string `json:"nodes" nullable:"false" doc:"The nodes, by name"`
	Now   Now      `json:"now" doc:"Where they stand"`
	Then  Then     `json:"then" doc:"Where they should get"`
	// The parameters differ as words; their order is not told.
	ParametersAdded   []string `json:"parameters_added,omitempty" doc:"Kernel parameters that they do not run with now"`
	ParametersRemoved []string `json:"parameters_removed,omitempty" doc:"Kernel parameters that they run with now and would not"`
	Layers            []Change `json:"layers,omitempty" doc:"What becomes of the layers of the configuration"`
	Actions           []Action `json:"actions" nullable:"false" doc:"What would be done, in this order, if nothing fails"`
	Waits             string   `json:"waits,omitempty" doc:"What keeps the session from going on with them now"`
	TakenFrom         string   `json:"taken_from,omitempty" doc:"Session that is driving them now, and would no more"`
}

// Now is where nodes stand.
type Now struct {
	Power         string `json:"power" doc:"on, off, undefined, or unknown if PCS does not say"`
	Status        string `json:"status" doc:"Status in BOS"`
	Image         string `json:"image,omitempty" doc:"Image that they run, by their last report"`
	Kernel        string `json:"kernel,omitempty"`
	Configuration string `json:"configuration,omitempty" doc:"Desired configuration in CFS"`
	ConfigStatus  string `json:"configuration_status,omitempty"`
}

// Then is where nodes should get. All empty: off.
type Then struct {
	Image            string `json:"image,omitempty"`
	Kernel           string `json:"kernel,omitempty"`
	Initrd           string `json:"initrd,omitempty"`
	KernelParameters string `json:"kernel_parameters,omitempty"`
	Configuration    string `json:"configuration,omitempty"`
}

// Action is one thing that would be done to nodes.
type Action string

// The actions. Configure is CFS running what the node lacks of its configuration; Forget
// is CFS being told that it should have none.
const (
	Shutdown  Action = "shutdown"
	PowerOff  Action = "power off"
	PowerOn   Action = "power on"
	Configure Action = "configure"
	Forget    Action = "forget configuration"
)

// Layer is a repository's playbook at a commit.
type Layer struct {
	Name, Repository, Playbook, Commit string
	// Applied tells of one that ran whether that went well.
	Applied bool
}

// Ran is what CFS has on record of a node.
type Ran struct {
	Desired string  // configuration that it should have
	Layers  []Layer // those that ran since it booted
}

// Change is what becomes of a layer on a node.
type Change struct {
	Name       string `json:"name,omitempty"`
	Repository string `json:"repository"`
	Playbook   string `json:"playbook,omitempty"`
	From       string `json:"from,omitempty" doc:"Commit that ran last; empty if none did since the node booted"`
	To         string `json:"to" doc:"Commit that should have run"`
	Runs       bool   `json:"runs" doc:"Whether it would run"`
}

// BootTime is how long boots of an image took.
type BootTime struct {
	Image  string  `json:"image"`
	Kernel string  `json:"kernel"`
	Count  int     `json:"count" doc:"How many boots are remembered; 0: no history"`
	Median float64 `json:"median_seconds,omitempty" doc:"From the power-on to the node's report, in seconds"`
}
