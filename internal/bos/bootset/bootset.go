package bootset

import (
	"regexp"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/xname"
)

// BootSet is a set of nodes with what they should boot and how they should be
// configured.
type BootSet struct {
	Name                      string   `json:"name,omitempty" writeOnly:"true" minLength:"1" format:"name" doc:"Name of the boot set; if given it must equal its key"`
	Path                      string   `json:"path" minLength:"1" format:"path" example:"s3://boot-images/9e3c75e1-ac42-42c7-873c-e758048897d6/manifest.json" doc:"Where the image's manifest is"`
	CFS                       *CFS     `json:"cfs,omitempty" doc:"How to configure the nodes; wins over the template's"`
	Type                      string   `json:"type" minLength:"1" maxLength:"127" example:"s3" doc:"How to read path; only s3 works"`
	ETag                      *string  `json:"etag,omitempty" maxLength:"65536" doc:"Entity tag of the manifest, for information"`
	KernelParameters          *string  `json:"kernel_parameters,omitempty" format:"kernel-parameters" example:"console=ttyS0,115200 ip=dhcp quiet" doc:"Kernel parameters, added to those of the image"`
	NodeList                  []string `json:"node_list,omitempty" nullable:"false" minItems:"1" maxItems:"65535" format:"hsm-name" doc:"Nodes, by xname"`
	NodeRolesGroups           []string `json:"node_roles_groups,omitempty" nullable:"false" minItems:"1" maxItems:"1023" format:"hsm-name" doc:"Roles of nodes as HSM knows them: Role or Role_SubRole"`
	NodeGroups                []string `json:"node_groups,omitempty" nullable:"false" minItems:"1" maxItems:"4095" format:"hsm-name" doc:"HSM groups of nodes"`
	Arch                      string   `json:"arch,omitempty" default:"X86" enum:"X86,ARM,Other,Unknown" doc:"Architecture of the nodes; others are left out"`
	RootfsProvider            string   `json:"rootfs_provider,omitempty" minLength:"1" maxLength:"511" example:"sbps" doc:"Who provides the root file system"`
	RootfsProviderPassthrough *string  `json:"rootfs_provider_passthrough,omitempty" format:"kernel-parameters" doc:"Further fields of the root= kernel parameter"`
}

// CFS names a configuration.
type CFS struct {
	Configuration string `json:"configuration,omitempty" format:"configuration-name" example:"compute-23.4.0" doc:"Name of the configuration to apply"`
}

// Artifacts are what a node boots. All empty: it should be off.
type Artifacts struct {
	Kernel           string `json:"kernel" format:"path" doc:"Where the kernel is"`
	KernelParameters string `json:"kernel_parameters" format:"kernel-parameters" doc:"Kernel parameters"`
	Initrd           string `json:"initrd" format:"path" doc:"Where the initrd is"`
}

// MaxKernelParameters is the longest parameter string that a component holds.
const MaxKernelParameters = 4096

// MaxLimit is the longest limit of a session.
const MaxLimit = 524288

// Parameters are the kernel parameters of the boot set. (What was given as ""
// is kept as that, so that it comes back.)
func (b *BootSet) Parameters() string { return orEmpty(b.KernelParameters) }

func (b *BootSet) passthrough() string { return orEmpty(b.RootfsProviderPassthrough) }

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// HasNodes reports whether the boot set names any nodes, by whatever means.
func (b *BootSet) HasNodes() bool {
	return len(b.NodeList)+len(b.NodeGroups)+len(b.NodeRolesGroups) > 0
}

// NIDs lists the entries of the node list that look like node numbers, which
// are not supported.
func (b *BootSet) NIDs() []string {
	var out []string
	for _, n := range b.NodeList {
		if strings.HasPrefix(n, "nid") {
			out = append(out, n)
		}
	}
	return out
}

// Configuration is the boot set's configuration, or the template's.
func (b *BootSet) Configuration(template *CFS) string {
	if b.CFS != nil && b.CFS.Configuration != "" {
		return b.CFS.Configuration
	}
	if template != nil {
		return template.Configuration
	}
	return ""
}

var nodeShape = regexp.MustCompile(`(?i)^x\d+c\d+s\d+b\d+n\d+$`)

// Canonical is the spelling in which a node list is kept: lower case, numbers
// of node xnames without leading zeros.
func Canonical(nodes []string) []string {
	out := slices.Clone(nodes)
	for i, n := range out {
		if nodeShape.MatchString(n) {
			out[i] = xname.Normalize(n)
		} else {
			out[i] = strings.ToLower(n)
		}
	}
	return out
}
