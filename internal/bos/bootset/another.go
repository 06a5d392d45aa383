package bootset

import (
	"context"
	"fmt"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
)

// WithImage is the boot set with the image whose manifest is at path. Where its kernel
// parameters name artifacts of the image that it had, such as its root file system, they name
// those of the other; what they name of it besides is refused, since nodes would boot the
// kernel of one image with files of another.
func (b BootSet) WithImage(ctx context.Context, path, etag string, objects Objects) (BootSet, error) {
	other := b
	other.Path, other.Type, other.ETag = path, "s3", nil
	if etag != "" {
		other.ETag = &etag
	}
	was := ImageID(b.Path)
	names := func(b *BootSet) bool {
		return strings.Contains(b.Parameters(), was) || strings.Contains(b.passthrough(), was)
	}
	if was == "" || was == ImageID(path) || !names(&b) {
		return other, nil
	}
	from, err := LoadImage(ctx, &b, objects)
	if err != nil {
		return other, fmt.Errorf("kernel_parameters name image '%s': %w", was, err)
	}
	to, err := LoadImage(ctx, &other, objects)
	if err != nil {
		return other, err
	}
	moved := from.replacer(&to)
	for _, text := range []**string{&other.KernelParameters, &other.RootfsProviderPassthrough} {
		if *text != nil {
			*text = new(moved.Replace(**text))
		}
	}
	if names(&other) {
		return other, fault.New(fault.Invalid, "kernel_parameters name image '%s', and more of it than its kernel, initrd and root file system or what image '%s' has not: expected a session template for that image", was, ImageID(path))
	}
	return other, nil
}

// replacer replaces the artifacts by those of the other image, which both have.
func (i *Image) replacer(to *Image) *strings.Replacer {
	var pairs []string
	add := func(from, to string) {
		if from != "" && to != "" {
			pairs = append(pairs, from, to)
		}
	}
	for _, l := range [][2]Link{{i.Rootfs, to.Rootfs}, {i.Kernel, to.Kernel}, {i.Initrd, to.Initrd}} {
		add(l[0].Path, l[1].Path)
		add(l[0].ETag, l[1].ETag)
	}
	return strings.NewReplacer(pairs...)
}
