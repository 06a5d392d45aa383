package bootset

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/drover-hpc/drover/internal/bootline"
	"github.com/drover-hpc/drover/internal/fault"
)

// Objects reads what S3 keeps. A missing object is a fault.NotFound.
type Objects interface {
	Get(ctx context.Context, url string, max int64) ([]byte, error)
	// ETag looks an object up.
	ETag(ctx context.Context, url string) (string, error)
}

// maxManifest bounds a manifest and a parameters file, in bytes.
const maxManifest = 1 << 20

// The artifact types that a manifest lists.
const (
	kernelType     = "application/vnd.cray.image.kernel"
	initrdType     = "application/vnd.cray.image.initrd"
	rootfsType     = "application/vnd.cray.image.rootfs.squashfs"
	parametersType = "application/vnd.cray.image.parameters.boot"
)

// Image is what a manifest says.
type Image struct {
	Kernel, Initrd, Rootfs, Parameters Link
}

// Link points at an artifact; the zero Link is an artifact that the manifest
// does not list.
type Link struct {
	Path string `json:"path"`
	ETag string `json:"etag"`
}

type manifest struct {
	Artifacts []struct {
		Type string `json:"type"`
		Link *Link  `json:"link"`
	} `json:"artifacts"`
}

// LoadImage reads the manifest of the boot set's image.
func LoadImage(ctx context.Context, b *BootSet, objects Objects) (Image, error) {
	if !strings.EqualFold(b.Type, "s3") {
		return Image{}, fault.New(fault.Invalid, "boot set type '%s' is not supported: expected s3", b.Type)
	}
	raw, err := objects.Get(ctx, b.Path, maxManifest)
	if err != nil {
		return Image{}, fmt.Errorf("read manifest: %w", err)
	}
	var m manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return Image{}, fault.New(fault.Invalid, "manifest %s is no JSON object with artifacts: %w", b.Path, err)
	}
	var img Image
	for _, a := range m.Artifacts {
		at := img.place(a.Type)
		switch {
		case at == nil || a.Link == nil:
		case at.Path != "":
			return Image{}, fault.New(fault.Invalid, "manifest %s lists more than one artifact of type %s", b.Path, a.Type)
		default:
			*at = *a.Link
		}
	}
	return img, nil
}

func (i *Image) place(artifactType string) *Link {
	switch artifactType {
	case kernelType:
		return &i.Kernel
	case initrdType:
		return &i.Initrd
	case rootfsType:
		return &i.Rootfs
	case parametersType:
		return &i.Parameters
	}
	return nil
}

// Compose is what the nodes of the boot set should boot from the image. last is
// the word that ends the kernel parameters, such as "bos_update_frequency=4h",
// which tells the node how often to report.
func Compose(ctx context.Context, b *BootSet, img Image, last string, objects Objects) (Artifacts, error) {
	if img.Kernel.Path == "" {
		return Artifacts{}, fault.New(fault.Invalid, "manifest %s lists no artifact of type %s", b.Path, kernelType)
	}
	if img.Initrd.Path == "" {
		return Artifacts{}, fault.New(fault.Invalid, "manifest %s lists no artifact of type %s", b.Path, initrdType)
	}
	own, err := imageParameters(ctx, img.Parameters, objects)
	if err != nil {
		return Artifacts{}, err
	}
	params, err := kernelParameters(b, img, own, last)
	if err != nil {
		return Artifacts{}, err
	}
	// BSS knows exactly, but is asked when the node is off already.
	if words := lost(b, own, params); words != "" {
		return Artifacts{}, fault.New(fault.Invalid, "%s", words)
	}
	return Artifacts{Kernel: img.Kernel.Path, Initrd: img.Initrd.Path, KernelParameters: params}, nil
}

// lost says what of the parameters, of which own are the image's, will not
// arrive at a kernel, by estimate.
func lost(b *BootSet, own, params string) string {
	if words := bootline.Broken(params); words != "" {
		return words + ", of kernel_parameters or of the image's own"
	}
	words := bootline.Excess(bootline.Estimate(params))
	if words != "" {
		words += fmt.Sprintf("; shorten kernel_parameters (%d characters) or the image's own (%d)", len(b.Parameters()), len(own))
	}
	return words
}

func imageParameters(ctx context.Context, link Link, objects Objects) (string, error) {
	if link.Path == "" || link.ETag == "" {
		return "", nil
	}
	raw, err := objects.Get(ctx, link.Path, maxManifest)
	if err != nil {
		return "", fmt.Errorf("read the image's kernel parameters: %w", err)
	}
	if !utf8.Valid(raw) {
		return "", fault.New(fault.Invalid, "the image's kernel parameters in %s are not UTF-8", link.Path)
	}
	return strings.Join(strings.Fields(string(raw)), " "), nil
}

// The root file system providers: SBPS projects images over iSCSI, CPS, which
// only sessions of BOS v1 know, over a file system of its own.
const (
	ProviderSBPS = "sbps"
	ProviderCPS  = "cpss3"
)

// protocols stand for the providers in the root= parameter.
var protocols = map[string]string{ProviderSBPS: "sbps-s3", ProviderCPS: "craycps-s3"}

// kernelParameters joins the pieces in the order that kernels read them, where
// a later one wins: image, boot set, root, and the last word.
func kernelParameters(b *BootSet, img Image, own, last string) (string, error) {
	pieces := []string{own, b.Parameters()}
	switch b.RootfsProvider {
	case ProviderSBPS, ProviderCPS:
		if img.Rootfs.Path == "" {
			return "", fault.New(fault.Invalid, "manifest %s lists no artifact of type %s, which rootfs_provider %s needs", b.Path, rootfsType, b.RootfsProvider)
		}
		root := "root=" + protocols[b.RootfsProvider] + ":" + img.Rootfs.Path + ":" + img.Rootfs.ETag
		if b.passthrough() != "" {
			root += ":" + b.passthrough()
		}
		nmd := "nmd_data=url=" + img.Rootfs.Path
		if img.Rootfs.ETag != "" {
			nmd += ",etag=" + img.Rootfs.ETag
		}
		pieces = append(pieces, root, nmd)
	case "":
		if b.passthrough() != "" {
			pieces = append(pieces, "root=::"+b.passthrough())
		}
	default:
		return "", fault.New(fault.Invalid, "rootfs_provider '%s' is not supported: expected none or sbps", b.RootfsProvider)
	}
	pieces = append(pieces, last)
	var out []string
	for _, p := range pieces {
		if p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, " "), nil
}

// NeedsProjection reports whether the parameters mount a root that SBPS has to
// project.
func NeedsProjection(kernelParameters string) bool {
	return strings.Contains(kernelParameters, "root=sbps-s3")
}

// ImageID is the IMS image that an artifact belongs to: the first segment of
// its key. Empty if the path has no such segment.
func ImageID(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "s3" {
		return ""
	}
	id, rest, found := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if !found || rest == "" {
		return ""
	}
	return id
}
