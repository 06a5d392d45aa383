package tapms

import (
	"slices"
	"time"

	"github.com/drover-hpc/drover/internal/xname"
)

// Tenant is one tenant, in the shape of a Kubernetes resource.
type Tenant struct {
	Metadata Metadata `json:"metadata,omitzero" required:"false"`
	Spec     Spec     `json:"spec" doc:"What is asked for"`
	Status   Status   `json:"status,omitzero" required:"false" readOnly:"true" doc:"What is; this is what other services act on"`
}

// Metadata carries the name under which the tenant is known to other services.
type Metadata struct {
	Name              string    `json:"name,omitempty" doc:"Name of the tenant"`
	CreationTimestamp time.Time `json:"creationTimestamp,omitzero" readOnly:"true" doc:"When the tenant was created"`
}

// Spec is what is asked for.
type Spec struct {
	TenantName      string     `json:"tenantname" example:"vcluster-blue" minLength:"1" maxLength:"127" doc:"Name of the tenant"`
	State           string     `json:"state,omitempty" enum:"New,Deploying,Deployed,Deleting" doc:"Where its deployment stands"`
	ChildNamespaces []string   `json:"childnamespaces,omitempty" doc:"Namespaces that belong to the tenant"`
	TenantResources []Resource `json:"tenantresources" nullable:"false" doc:"Nodes that the tenant owns"`
	TenantKMS       *KMS       `json:"tenantkms,omitempty" doc:"Transit engine for the tenant's secrets"`
	TenantHooks     []Hook     `json:"tenanthooks,omitempty" doc:"Who is told of changes"`
}

// Status is what is.
type Status struct {
	UUID            string     `json:"uuid,omitempty" format:"uuid" doc:"Identity of the tenant, given by the service"`
	ChildNamespaces []string   `json:"childnamespaces,omitempty" doc:"Namespaces that belong to the tenant"`
	TenantResources []Resource `json:"tenantresources,omitempty" doc:"Nodes that the tenant owns"`
	TenantHooks     []Hook     `json:"tenanthooks,omitempty" doc:"Who is told of changes"`
	TenantKMS       *KMSStatus `json:"tenantkms,omitempty" doc:"Transit engine for the tenant's secrets"`
}

// Resource is a set of nodes of one type.
type Resource struct {
	Type                      string   `json:"type" example:"compute" doc:"Kind of node: compute, application"`
	Xnames                    []string `json:"xnames" nullable:"false" doc:"The nodes"`
	HSMPartitionName          string   `json:"hsmpartitionname,omitempty" doc:"HSM partition that holds them"`
	HSMGroupLabel             string   `json:"hsmgrouplabel,omitempty" doc:"HSM group that holds them"`
	EnforceExclusiveHSMGroups bool     `json:"enforceexclusivehsmgroups,omitempty" doc:"Whether a node may be in one such group only"`
}

// KMS asks for a transit engine.
type KMS struct {
	EnableKMS bool   `json:"enablekms,omitempty" doc:"Whether to create a transit engine"`
	KeyName   string `json:"keyname,omitempty" doc:"Name of the key"`
	KeyType   string `json:"keytype,omitempty" doc:"Type of the key"`
}

// KMSStatus describes a transit engine.
type KMSStatus struct {
	KeyName     string `json:"keyname,omitempty" doc:"Name of the key"`
	KeyType     string `json:"keytype,omitempty" doc:"Type of the key"`
	PublicKey   string `json:"publickey,omitempty" doc:"Public half of the key"`
	TransitName string `json:"transitname,omitempty" doc:"Name of the engine"`
}

// Hook is called when the tenant changes.
type Hook struct {
	Name         string   `json:"name,omitempty" doc:"Name of the hook"`
	URL          string   `json:"url,omitempty" doc:"Address to call"`
	EventTypes   []string `json:"eventtypes,omitempty" doc:"Changes to tell: CREATE, UPDATE, DELETE"`
	BlockingCall bool     `json:"blockingcall,omitempty" doc:"Whether the change waits for the answer"`
}

// Xnames lists the nodes that the tenant owns, whatever their type, sorted and
// each once.
func (t Tenant) Xnames() []string {
	var out []string
	for _, r := range t.Status.TenantResources {
		out = append(out, r.Xnames...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// owns reports whether the tenant owns any of the nodes.
func (t Tenant) owns(nodes map[string]bool) bool {
	return slices.ContainsFunc(t.Xnames(), func(x string) bool { return nodes[x] })
}

// settle makes the status follow the spec. uuid and created are those of
// the tenant so far, or new.
func (t *Tenant) settle(uuid string, created time.Time) {
	t.Metadata.CreationTimestamp = created
	if t.Spec.State == "" {
		t.Spec.State = "Deployed"
	}
	for i := range t.Spec.TenantResources {
		r := &t.Spec.TenantResources[i]
		for j := range r.Xnames {
			r.Xnames[j] = xname.Normalize(r.Xnames[j])
		}
	}
	t.Status = Status{UUID: uuid, ChildNamespaces: t.Spec.ChildNamespaces,
		TenantResources: t.Spec.TenantResources, TenantHooks: t.Spec.TenantHooks}
}
