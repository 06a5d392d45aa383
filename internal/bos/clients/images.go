package clients

import (
	"context"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/ims"
	"github.com/drover-hpc/drover/internal/s3"
	"github.com/drover-hpc/drover/internal/tapms"
)

type images struct{ ims *ims.Client }

// Images asks IMS.
func Images(c *ims.Client) bos.Images { return images{c} }

func (i images) Arch(ctx context.Context, id string) (string, error) {
	image, err := i.ims.Image(ctx, id)
	return image.Arch, err
}

func (i images) Project(ctx context.Context, id string) error {
	return i.ims.SetImageMetadata(ctx, id, "sbps-project", "true")
}

func (i images) Find(ctx context.Context, image string) (found []bos.Image, err error) {
	all, err := i.ims.Images(ctx)
	for _, one := range all {
		if one.ID != image && one.Name != image {
			continue
		}
		b := bos.Image{ID: one.ID, Name: one.Name, Arch: one.Arch}
		if one.Link != nil {
			b.Path, b.ETag = one.Link.Path, one.Link.ETag
		}
		found = append(found, b)
	}
	return found, err
}

type objects struct{ *s3.Client }

// Objects reads from S3.
func Objects(c *s3.Client) bos.Objects { return objects{c} }

func (o objects) ETag(ctx context.Context, url string) (string, error) {
	found, err := o.Head(ctx, url)
	return found.ETag, err
}

type tenants struct{ tapms *tapms.Client }

// Tenants asks TAPMS.
func Tenants(c *tapms.Client) bos.Tenants { return tenants{c} }

func (t tenants) Nodes(ctx context.Context, tenant string) ([]string, error) {
	found, err := t.tapms.Tenant(ctx, tenant)
	return found.Xnames(), err
}
