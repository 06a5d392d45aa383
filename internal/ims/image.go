package ims

import (
	"cmp"

	"github.com/drover-hpc/drover/internal/fault"
)

// Link says where an artifact is.
type Link struct {
	Path string `json:"path" example:"s3://boot-images/1fb58f4e-ad23-489b-89b7-95868fca7ee6/manifest.json" doc:"URL of the object"`
	ETag string `json:"etag" required:"false" doc:"ETag of the object"`
	Type string `json:"type" example:"s3" doc:"Kind of store: s3"`
}

// Architectures of images and recipes.
const (
	X86_64  = "x86_64"
	AArch64 = "aarch64"
)

// Image is a boot image. One without a link is empty: it cannot be booted.
type Image struct {
	ID       string            `json:"id" format:"uuid" readOnly:"true" doc:"ID of the image"`
	Created  Time              `json:"created" readOnly:"true" doc:"When the record was made"`
	Name     string            `json:"name" doc:"Name of the image"`
	Link     *Link             `json:"link" doc:"Manifest of the image"`
	Arch     string            `json:"arch" enum:"aarch64,x86_64" doc:"Architecture of the nodes that can boot it"`
	Metadata map[string]string `json:"metadata" doc:"Annotations"`
}

// DeletedImage is an image whose deletion can be undone. Its link leads to the
// manifest of the objects that were put aside.
type DeletedImage struct {
	Image
	Deleted Time `json:"deleted" readOnly:"true" doc:"When it was deleted"`
}

// NewImage is what a new image is made from.
type NewImage struct {
	Name     string         `json:"name" minLength:"1" maxLength:"255" example:"compute-2026.1" doc:"Name of the image"`
	Link     *Link          `json:"link,omitempty" doc:"Manifest of the image"`
	Arch     string         `json:"arch,omitempty" enum:"aarch64,x86_64" doc:"Architecture of the nodes that can boot it; x86_64 unless given"`
	Metadata *MetadataEntry `json:"metadata,omitempty" doc:"An annotation"`
}

// image is the record that n makes.
func (n NewImage) image(id string, created Time) Image {
	out := Image{ID: id, Created: created, Name: n.Name, Link: n.Link, Arch: cmp.Or(n.Arch, X86_64), Metadata: map[string]string{}}
	if n.Metadata != nil && n.Metadata.Key != "" {
		out.Metadata[n.Metadata.Key] = n.Metadata.Value
	}
	return out
}

// MetadataEntry is one annotation.
type MetadataEntry struct {
	Key   string `json:"key,omitempty" doc:"Name of the annotation"`
	Value string `json:"value,omitempty" doc:"Its value"`
}

// ImagePatch is a change of an image.
type ImagePatch struct {
	Link     *Link          `json:"link,omitempty" doc:"Manifest, if the image has none yet"`
	Arch     string         `json:"arch,omitempty" enum:"aarch64,x86_64" doc:"Architecture of the nodes that can boot it"`
	Metadata *MetadataPatch `json:"metadata,omitempty" doc:"Change of an annotation"`
}

// MetadataPatch sets or removes one annotation.
type MetadataPatch struct {
	Operation string `json:"operation" enum:"set,remove" doc:"What to do"`
	Key       string `json:"key" doc:"Name of the annotation"`
	Value     string `json:"value,omitempty" doc:"Value to set"`
}

// apply changes the image as the patch says. A link that is there already can
// only be given again as it is.
func (p ImagePatch) apply(i *Image) error {
	if err := setLink(&i.Link, p.Link, "image", i.ID); err != nil {
		return err
	}
	if p.Arch != "" {
		i.Arch = p.Arch
	}
	if m := p.Metadata; m != nil {
		if m.Operation == "remove" {
			delete(i.Metadata, m.Key)
			return nil
		}
		if i.Metadata == nil {
			i.Metadata = map[string]string{}
		}
		i.Metadata[m.Key] = m.Value
	}
	return nil
}

func setLink(link **Link, to *Link, kind, id string) error {
	switch {
	case to == nil:
	case *link == nil:
		*link = to
	case **link != *to:
		return fault.New(fault.Conflict, "%s '%s' has the link %s, which cannot be replaced", kind, id, (*link).Path)
	}
	return nil
}
