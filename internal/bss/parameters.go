package bss

import (
	"maps"
	"strings"

	"github.com/drover-hpc/drover/internal/bootline"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// BootParameters is what a set of hosts boots, or what is to be changed of it.
// Of Hosts, MACs and NIDs the first that is not empty counts. With none of
// them, Params belong to the kernel (or initrd) image itself.
type BootParameters struct {
	Hosts     []string   `json:"hosts,omitempty" example:"[\"x1000c0s0b0n0\"]" doc:"Names of hosts, of HSM roles, or a tag: Default, Global, Unknown-ARCH"`
	MACs      []string   `json:"macs,omitempty" example:"[\"00:40:a6:82:f6:c5\"]" doc:"Hosts by MAC address"`
	NIDs      []int      `json:"nids,omitempty" example:"[1,2]" doc:"Hosts by node ID"`
	Params    string     `json:"params,omitempty" doc:"Kernel command line"`
	Kernel    string     `json:"kernel,omitempty" example:"s3://boot-images/1dbb777c-2527-449b-bd6d-fb4d1cb79e88/kernel" doc:"URL of the kernel"`
	Initrd    string     `json:"initrd,omitempty" example:"s3://boot-images/1dbb777c-2527-449b-bd6d-fb4d1cb79e88/initrd" doc:"URL of the initial RAM disk"`
	CloudInit *CloudInit `json:"cloud-init,omitempty" doc:"Data for cloud-init"`
}

// CloudInit is what cloud-init asks for and tells.
type CloudInit struct {
	MetaData  map[string]any `json:"meta-data" required:"false" nullable:"true" doc:"Instance meta-data"`
	UserData  map[string]any `json:"user-data" required:"false" nullable:"true" doc:"User data"`
	PhoneHome PhoneHome      `json:"phone-home" required:"false" doc:"What the host told when its boot was complete"`
}

// PhoneHome is what cloud-init's phone_home module posts.
type PhoneHome struct {
	PubKeyDSA     string `json:"pub_key_dsa" required:"false" doc:"Host key, DSA"`
	PubKeyRSA     string `json:"pub_key_rsa" required:"false" doc:"Host key, RSA"`
	PubKeyECDSA   string `json:"pub_key_ecdsa" required:"false" doc:"Host key, ECDSA"`
	PubKeyED25519 string `json:"pub_key_ed25519" required:"false" doc:"Host key, Ed25519"`
	InstanceID    string `json:"instance_id" required:"false" doc:"cloud-init's instance ID"`
	Hostname      string `json:"hostname" required:"false" doc:"Host name"`
	FQDN          string `json:"fqdn" required:"false" doc:"Full host name"`
}

// check refuses what cannot stand in a boot script: URLs with blanks, anything
// at which a line ends.
func (p BootParameters) check() error {
	for _, f := range []struct{ name, value string }{{"kernel", p.Kernel}, {"initrd", p.Initrd}} {
		if strings.ContainsFunc(f.value, breaksWord) {
			return fault.New(fault.Invalid, "%q has a blank or a control character - '%s'", f.value, f.name)
		}
	}
	if words := bootline.Broken(p.Params); words != "" {
		return fault.New(fault.Invalid, "%s - 'params'", words)
	}
	return nil
}

// fixed refuses URLs into which iPXE puts settings of its own; a join token is put into
// params alone. Entries of before that have such a URL can be asked for and deleted.
func (p BootParameters) fixed() error {
	for _, f := range []struct{ name, value string }{{"kernel", p.Kernel}, {"initrd", p.Initrd}} {
		if strings.Contains(f.value, "${") {
			return fault.New(fault.Invalid, "iPXE puts a setting of its own into the URL %q, or nothing: expected one without ${ - '%s'", f.value, f.name)
		}
	}
	return nil
}

// Names with a meaning of their own among the hosts.
const (
	// DefaultHost is booted by hosts without an entry of their own or of their role.
	DefaultHost = "Default"
	// GlobalHost holds cloud-init data that every host gets.
	GlobalHost = "Global"
	// unknownPrefix begins the entries for hosts that HSM does not know, by architecture.
	unknownPrefix = "Unknown-"
)

// host is the stored entry of one host, role or tag.
type host struct {
	Name      string     `json:"name"`
	Params    string     `json:"params,omitempty"`
	Kernel    string     `json:"kernel,omitempty"`
	Initrd    string     `json:"initrd,omitempty"`
	Token     string     `json:"referral_token,omitempty"`
	CloudInit *CloudInit `json:"cloud_init,omitempty"`
}

// shared are the strings that hosts of one image have in common.
func (h *host) shared() []*string {
	return []*string{&h.Params, &h.Kernel, &h.Initrd, &h.Token}
}

// newHost is the entry that p makes of the name.
func newHost(name, token string, p BootParameters) host {
	return host{Name: name, Token: token, Params: p.Params, Kernel: p.Kernel, Initrd: p.Initrd, CloudInit: p.CloudInit}
}

// merge takes over what p says and keeps the rest, the token above all.
func (h *host) merge(p BootParameters) {
	take(&h.Params, p.Params)
	take(&h.Kernel, p.Kernel)
	take(&h.Initrd, p.Initrd)
	if p.CloudInit != nil {
		h.CloudInit = h.cloudInit().merge(*p.CloudInit)
	}
}

func (h *host) cloudInit() CloudInit {
	if h.CloudInit == nil {
		return CloudInit{}
	}
	return *h.CloudInit
}

// published is the entry as the interface shows it: the cloud-init object is
// always there.
func (h *host) published() BootParameters {
	c := h.cloudInit()
	return BootParameters{Hosts: []string{h.Name}, Params: h.Params, Kernel: h.Kernel, Initrd: h.Initrd, CloudInit: &c}
}

// path is the host's reference to its image of the kind.
func (h *host) path(kind imageKind) *string {
	if kind == kernelImage {
		return &h.Kernel
	}
	return &h.Initrd
}

// merge returns c with what n says on top, objects merged key by key. It
// alters neither.
func (c CloudInit) merge(n CloudInit) *CloudInit {
	c.MetaData = overlay(c.MetaData, n.MetaData)
	c.UserData = overlay(c.UserData, n.UserData)
	c.PhoneHome.merge(n.PhoneHome)
	return &c
}

func (p *PhoneHome) merge(n PhoneHome) {
	take(&p.PubKeyDSA, n.PubKeyDSA)
	take(&p.PubKeyRSA, n.PubKeyRSA)
	take(&p.PubKeyECDSA, n.PubKeyECDSA)
	take(&p.PubKeyED25519, n.PubKeyED25519)
	take(&p.InstanceID, n.InstanceID)
	take(&p.Hostname, n.Hostname)
	take(&p.FQDN, n.FQDN)
}

// overlay returns base with top on it, objects merged key by key; the two
// stay as they are.
func overlay(base, top map[string]any) map[string]any {
	if len(top) == 0 {
		return base
	}
	return httpapi.Merge(copied(base), top)
}

// copied is a copy whose objects, at any depth, can be altered.
func copied(m map[string]any) map[string]any {
	out := maps.Clone(m)
	for k, v := range out {
		if sub, ok := v.(map[string]any); ok {
			out[k] = copied(sub)
		}
	}
	return out
}

func take(field *string, value string) {
	if value != "" {
		*field = value
	}
}

// image is the stored entry of a kernel or initrd: parameters that every host
// using it gets.
type image struct {
	Kind   imageKind `json:"kind"`
	Path   string    `json:"path"`
	Params string    `json:"params,omitempty"`
}

type imageKind string

// The kinds sort as lists show them: kernels first.
const (
	kernelImage imageKind = "1-kernel"
	initrdImage imageKind = "2-initrd"
)

// column is the host's column that refers to images of the kind.
func (k imageKind) column() string {
	if k == kernelImage {
		return "kernel"
	}
	return "initrd"
}

// key is the key of the image's entry.
func (i image) key() string { return string(i.Kind) + ":" + i.Path }

func (i image) published() BootParameters {
	out := BootParameters{Params: i.Params, CloudInit: &CloudInit{}}
	if i.Kind == kernelImage {
		out.Kernel = i.Path
	} else {
		out.Initrd = i.Path
	}
	return out
}

// images are the entries of the images that p names, without parameters.
func (p BootParameters) images() (out []image) {
	if p.Kernel != "" {
		out = append(out, image{Kind: kernelImage, Path: p.Kernel})
	}
	if p.Initrd != "" {
		out = append(out, image{Kind: initrdImage, Path: p.Initrd})
	}
	return out
}

// ownImage is the image whose parameters p sets when it names no host: the
// kernel, or the initrd when there is no kernel.
func (p BootParameters) ownImage() (image, error) {
	images := p.images()
	if len(images) == 0 {
		return image{}, fault.New(fault.Invalid, "boot parameters name nothing: expected hosts, macs, nids, kernel or initrd")
	}
	images[0].Params = p.Params
	if words := bootline.Excess(len(p.Params)); words != "" { // whatever hosts have besides
		return image{}, fault.New(fault.Invalid, "%s: %s - 'params'", images[0].Path, words)
	}
	return images[0], nil
}
