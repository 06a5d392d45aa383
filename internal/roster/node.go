package roster

import "time"

// Node is what the services say of one node. What a service does not know is empty,
// and so is all that a silent one might know.
type Node struct {
	Xname   string `json:"xname" doc:"The node"`
	NID     *int   `json:"nid" doc:"Its number; null if it has none"`
	Role    string `json:"role" doc:"What it is for, such as Compute"`
	SubRole string `json:"subrole" doc:"What it is for within its role"`

	Power      string `json:"power" doc:"on, off or undefined, by the power service"`
	Management string `json:"management" doc:"Whether its BMC takes commands: available or unavailable"`

	State    string `json:"state" doc:"State by the Hardware State Manager, such as Ready"`
	Flag     string `json:"flag" doc:"Whether anything is amiss in that state: OK, Warning, Alert or Locked"`
	Disabled bool   `json:"disabled" doc:"Whether the Hardware State Manager has it disabled"`
	Locked   bool   `json:"locked" doc:"Whether an administrator holds a lock on it"`

	Status  string     `json:"status" doc:"Status of the boot service, such as stable"`
	Phase   string     `json:"phase" doc:"Part of the way that it is on: powering_on, powering_off or configuring; empty for none"`
	Since   *time.Time `json:"since" doc:"When the phase last changed; null if it never did"`
	Enabled bool       `json:"enabled" doc:"Whether the boot service acts on it"`
	Session string     `json:"session" doc:"Boot session that it belongs to"`

	Image         string `json:"image" doc:"Image that it runs: its name, or where it is if the image service knows no name"`
	DesiredImage  string `json:"desired_image" doc:"Image that it should run; empty if it should be off"`
	Configuration string `json:"configuration" doc:"Configuration that it should have"`
	ConfigStatus  string `json:"configuration_status" doc:"How far it is: unconfigured, pending, failed or configured"`

	Error string `json:"error" doc:"The latest error of its boot, or why nothing is known of its power"`
}

// Answer is where the nodes stand.
type Answer struct {
	Time  time.Time `json:"time" doc:"When it was asked"`
	Nodes []Node    `json:"nodes" doc:"The nodes, in the order of their names"`
	// Silent are the services of which nothing is told.
	Silent []Silence `json:"silent" doc:"Services that gave no answer: what they know is missing"`
}

// Silence is a service that gave no answer.
type Silence struct {
	Service Service `json:"service" doc:"The service"`
	Error   string  `json:"error" doc:"What came of the question"`
}

// Service names one that knows of nodes.
type Service string

// The services.
const (
	HSM Service = "HSM"
	PCS Service = "PCS"
	BOS Service = "BOS"
	CFS Service = "CFS"
	IMS Service = "IMS"
)
