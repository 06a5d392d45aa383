package bootset

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/drover-hpc/drover/internal/bootline"
	"github.com/drover-hpc/drover/internal/fault"
)

// Images asks IMS. A missing image is a fault.NotFound.
type Images interface {
	// Arch is the image's architecture: x86_64, aarch64 or empty if not known.
	Arch(ctx context.Context, imageID string) (string, error)
}

// Rules are the options that decide how strict a check is.
type Rules struct {
	RejectNIDs      bool
	ImagesMustExist bool
	IMSErrorsFatal  bool
	// Artifacts says whether the image matters: not for a shutdown.
	Artifacts bool
}

// Check finds out whether a session can use the boot set. An error means that
// it cannot; warnings are what an administrator should know all the same.
func Check(ctx context.Context, b *BootSet, rules Rules, objects Objects, images Images) (warnings []string, err error) {
	if !b.HasNodes() {
		return nil, fault.New(fault.Invalid, "one of node_list, node_groups and node_roles_groups must name something")
	}
	if b.RootfsProvider != "" && b.RootfsProvider != ProviderSBPS {
		warnings = append(warnings, fmt.Sprintf("rootfs_provider '%s' is not supported: expected none or sbps", b.RootfsProvider))
	}
	if nids := b.NIDs(); len(nids) > 0 {
		text := "node_list contains NIDs, which are not supported: " + strings.Join(nids, ",")
		if rules.RejectNIDs {
			return warnings, fault.New(fault.Invalid, "reject_nids: %s", text)
		}
		warnings = append(warnings, text)
	}
	if !rules.Artifacts {
		return warnings, nil
	}
	w, err := CheckArtifacts(ctx, b, objects)
	warnings = append(warnings, w...)
	if err != nil {
		return warnings, err
	}
	w, err = CheckArch(ctx, b, rules, images)
	return append(warnings, w...), err
}

// CheckArtifacts looks the image's artifacts up.
func CheckArtifacts(ctx context.Context, b *BootSet, objects Objects) (warnings []string, err error) {
	img, err := LoadImage(ctx, b, objects)
	if err != nil {
		return nil, err
	}
	if img.Kernel.Path == "" {
		return nil, fault.New(fault.Invalid, "manifest %s lists no artifact of type %s", b.Path, kernelType)
	}
	if _, err := objects.ETag(ctx, img.Kernel.Path); err != nil {
		return nil, fmt.Errorf("look up kernel: %w", err)
	}
	if img.Initrd.Path == "" {
		return []string{fmt.Sprintf("manifest %s lists no artifact of type %s", b.Path, initrdType)}, nil
	}
	if _, err := objects.ETag(ctx, img.Initrd.Path); err != nil {
		return []string{fmt.Sprintf("look up initrd: %s", err)}, nil
	}
	own, err := imageParameters(ctx, img.Parameters, objects)
	if err != nil {
		return []string{err.Error()}, nil
	}
	// What else may be wrong with the parameters is told elsewhere.
	if params, err := kernelParameters(b, img, own, "bos_update_frequency=4h"); err == nil {
		if words := cmp.Or(lost(b, own, params), bootline.Crowded(params)); words != "" {
			return []string{words}, nil
		}
	}
	return nil, nil
}

// CheckArch compares the boot set's architecture with the image's, as IMS
// knows it.
func CheckArch(ctx context.Context, b *BootSet, rules Rules, images Images) (warnings []string, err error) {
	id := ImageID(b.Path)
	if id == "" {
		return []string{fmt.Sprintf("Can't determine the IMS image of '%s'", b.Path)}, nil
	}
	arch, err := images.Arch(ctx, id)
	switch {
	case fault.Is(err, fault.NotFound):
		text := fmt.Sprintf("IMS has no image '%s'", id)
		if rules.ImagesMustExist {
			return nil, fault.New(fault.Invalid, "%s", text)
		}
		return []string{text}, nil
	case err != nil:
		if rules.IMSErrorsFatal {
			return nil, fmt.Errorf("ask IMS for image '%s': %w", id, err)
		}
		if b.Arch == "Other" {
			return []string{fmt.Sprintf("Can't look up image '%s' in IMS: %s", id, err)}, nil
		}
		return []string{fmt.Sprintf("Can't validate boot image arch: %s", err)}, nil
	case b.Arch == "Other":
		return []string{"Can't validate boot image arch: the boot set's arch is Other"}, nil
	}
	want := "x86_64"
	if b.Arch == "ARM" {
		want = "aarch64"
	}
	if arch == "" {
		arch = "x86_64"
	}
	if arch != want {
		return nil, fault.New(fault.Invalid, "boot set arch '%s' needs an image for %s, but image '%s' is for %s", b.Arch, want, id, arch)
	}
	return nil, nil
}
