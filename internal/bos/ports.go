package bos

import (
	"context"
	"encoding/json"
	"time"

	"github.com/drover-hpc/drover/internal/bos/bootset"
)

// What BOS needs of other services, in its own words. Package clients makes
// these of the services' HTTP clients. A call that got no answer, or one that
// says so, is a fault.Unavailable; a thing that is not there a fault.NotFound.

// Inventory is HSM.
type Inventory interface {
	// Nodes returns the nodes with the IDs that HSM knows; nil is all of them.
	Nodes(ctx context.Context, ids []string) ([]Node, error)
	// Groups and Partitions return the members of each, by name.
	Groups(ctx context.Context) (map[string][]string, error)
	Partitions(ctx context.Context) (map[string][]string, error)
	// Locked returns the nodes that an administrator locked.
	Locked(ctx context.Context) ([]string, error)
}

// Node is a node in HSM.
type Node struct {
	ID, Role, SubRole, Arch string
	Enabled                 bool
}

// Power is PCS.
type Power interface {
	// Status leaves out nodes that PCS does not list.
	Status(ctx context.Context, nodes []string) ([]PowerStatus, error)
	// Transition asks for On, Soft-Off or Force-Off and returns its ID.
	Transition(ctx context.Context, operation string, nodes []string, deadlineMinutes int) (string, error)
	Describe(ctx context.Context, id string) (Transition, error)
	// Abort has the transition end soon: Describe tells when it has.
	Abort(ctx context.Context, id string) error
	// Since returns the transitions of the operation created at the time or later,
	// without their tasks.
	Since(ctx context.Context, operation string, at time.Time) ([]Transition, error)
}

// PowerStatus is what PCS says of a node. State is on, off or undefined.
type PowerStatus struct {
	Node, State, Error string
}

// Transition is a power operation on its way.
type Transition struct {
	ID, Operation string
	// Created is when PCS was asked, by its clock.
	Created time.Time
	// Done tells that no task will change any more.
	Done  bool
	Tasks []Task
}

// Task is a transition's part for one node.
type Task struct {
	Node string
	// Done tells that nothing more will come of it.
	Done   bool
	Answer Answer
	// Text is what there is to say, in PCS's or the BMC's words.
	Text string
}

// Answer is what kind of answer a power call got. What says nothing about the
// node (a service or BMC that is busy, silent, or a node that is reserved) is
// later; only words about the node are a refusal.
type Answer int

// The answers. Waiting: none yet. Accepted: the BMC has the request. Never: the
// BMC cannot do that at all.
const (
	AnswerWaiting Answer = iota
	AnswerAccepted
	AnswerLater
	AnswerRefused
	AnswerNever
)

// BootParameters is BSS.
type BootParameters interface {
	// Put sets what the nodes boot and returns the referral token.
	Put(ctx context.Context, nodes []string, a BootArtifacts) (token string, err error)
}

// Configurations is CFS.
type Configurations interface {
	// Components leaves out nodes that CFS does not list.
	Components(ctx context.Context, ids []string) ([]Configuration, error)
	// Patch gives all the components the same changes.
	Patch(ctx context.Context, ids []string, patch json.RawMessage) error
}

// Configuration is what CFS says of a node.
type Configuration struct {
	Node    string
	Desired string
	Status  string // unconfigured, pending, configured, failed
	Enabled bool
}

// Images is IMS.
type Images interface {
	bootset.Images
	// Project marks an image as wanted by SBPS.
	Project(ctx context.Context, imageID string) error
	// Find are the images with the ID or the name; none is no error.
	Find(ctx context.Context, image string) ([]Image, error)
}

// Objects is S3.
type Objects = bootset.Objects

// Tenants is TAPMS.
type Tenants interface {
	// Nodes returns the nodes that the tenant owns.
	Nodes(ctx context.Context, tenant string) ([]string, error)
}

// Addresses tells who calls.
type Addresses interface {
	// NodeAt returns the node with the IP address, empty if none is known.
	NodeAt(ctx context.Context, ip string) (string, error)
}
