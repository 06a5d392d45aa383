package auth

import (
	"context"
	"slices"
)

// Role is what somebody is at this site.
type Role string

// The roles. Node and Job are no person's: a node speaks of itself alone, a job
// for as long as it runs.
const (
	Administrator Role = "administrator"
	Operator      Role = "operator" // boots, configures, switches power, makes images
	Auditor       Role = "auditor"  // reads everything but secrets, and who did what
	TenantAdmin   Role = "tenant"   // an administrator of one tenant's nodes
	Node          Role = "node"
	Job           Role = "job"
)

// Given are the roles that tokens and identity providers can give.
var Given = []Role{Administrator, Operator, Auditor, TenantAdmin}

// Kind is what kind of job a Job is.
type Kind string

// The kinds of jobs that call services.
const (
	Session Kind = "session" // a session of CFS
	Agent   Kind = "agent"   // an agent of BOS v1
	Git     Kind = "git"     // this server's own git, which looks branches up
	Network Kind = "network" // the DHCP server of a simulated fleet, which has HSM know addresses
)

// Identity is who makes a request.
type Identity struct {
	Name   string
	Role   Role   // empty: none that is known here
	Tenant string // of a TenantAdmin
	Kind   Kind   // of a Job
	ID     string // of a Job: its session's
	// Outside is, of the nodes, those that a Job has nothing to do with; nil: it may be
	// for any.
	Outside func(ctx context.Context, nodes []string) ([]string, error)
	// Subject is what the source of the token knows it by: the token's id, or the
	// subject at the provider.
	Subject string
}

// Right is what an operation takes.
type Right string

// The rights.
const (
	Open       Right = "open" // anybody, unasked: probes
	Read       Right = "read"
	Boot       Right = "boot"      // sessions and templates of BOS, boot parameters, components
	Configure  Right = "configure" // CFS, and repositories
	Power      Right = "power"
	Images     Right = "images"
	Inventory  Right = "inventory" // what HSM knows
	Settings   Right = "settings"  // options, sources, tenants, tokens
	Audit      Right = "audit"     // who did what
	everything Right = ""          // nothing but an administrator will do
)

// rights are those of people. An administrator has all.
var rights = map[Role][]Right{
	Operator:    {Read, Boot, Configure, Power, Images},
	Auditor:     {Read, Audit},
	TenantAdmin: {Read, Boot},
}

// has tells whether the role includes the right.
func (r Role) has(right Right) bool {
	return r == Administrator || slices.Contains(rights[r], right)
}
