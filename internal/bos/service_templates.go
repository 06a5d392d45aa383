package bos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/bos/bootset"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// Templates lists the tenant's templates, or everybody's without a tenant.
func (s *Service) Templates(ctx context.Context, tenant string) ([]Template, error) {
	return s.templates.List(ctx, ofTenant(tenant))
}

func ofTenant(tenant string) store.Query {
	if tenant == "" {
		return store.Query{}
	}
	return store.Query{Where: []store.Match{store.Is("tenant", tenant)}}
}

// Template returns one template of the tenant.
func (s *Service) Template(ctx context.Context, name, tenant string) (Template, error) {
	t, err := s.templates.Get(ctx, key(tenant, name))
	if fault.Is(err, fault.NotFound) {
		err = notFound("Session template", tenant, name)
	}
	return t, err
}

// PutTemplate creates a template or replaces it.
func (s *Service) PutTemplate(ctx context.Context, t Template) (Template, error) {
	if err := s.mustExist(ctx, t.Tenant); err != nil {
		return Template{}, err
	}
	if err := s.checkTemplate(ctx, &t); err != nil {
		return Template{}, invalid("The session template could not be created: %w", err)
	}
	return t, s.templates.Put(ctx, t)
}

// checkTemplate settles a template and checks it. What is wrong with an
// image's artifacts is only logged: they may come later.
func (s *Service) checkTemplate(ctx context.Context, t *Template) error {
	if err := t.settle(); err != nil {
		return err
	}
	o, err := s.Options(ctx)
	if err != nil {
		return err
	}
	for i := range t.BootSets {
		b := &t.BootSets[i]
		warn := func(texts []string, err error) {
			if err != nil {
				texts = append(texts, err.Error())
			}
			for _, text := range texts {
				slog.Warn("session template", "template", t.Name, "boot set", b.Name, "warning", text)
			}
		}
		if nids := b.NIDs(); len(nids) > 0 {
			text := fmt.Sprintf("boot set '%s': node_list contains NIDs, which are not supported: %s", b.Name, strings.Join(nids, ","))
			if o.RejectNIDs {
				return invalid("reject_nids: %s", text)
			}
			warn([]string{text}, nil)
		}
		warn(bootset.CheckArtifacts(ctx, &b.BootSet, s.Objects))
		warnings, err := bootset.CheckArch(ctx, &b.BootSet, s.rules(o, OperationBoot), s.Images)
		if err != nil {
			return fmt.Errorf("boot set '%s': %w", b.Name, err)
		}
		warn(warnings, nil)
	}
	return nil
}

// TemplatePatch changes a template; nil and absent boot sets stay as they are.
type TemplatePatch struct {
	Description *string
	EnableCFS   *bool
	CFS         *bootset.CFS
	// BootSets are merged field by field into those of the same name.
	BootSets map[string]json.RawMessage
	// Order is the order of the names in BootSets.
	Order []string
}

// PatchTemplate merges changes into a template and checks the result like a
// new one.
func (s *Service) PatchTemplate(ctx context.Context, name, tenant string, p TemplatePatch) (Template, error) {
	for {
		old, err := s.Template(ctx, name, tenant)
		if err != nil {
			return Template{}, err
		}
		t, err := old.merge(p)
		if err == nil {
			err = s.checkTemplate(ctx, &t)
		}
		if err != nil {
			return Template{}, invalid("The session template could not be patched: %w", err)
		}
		// The check asks other services, which no transaction may wait for.
		same := false
		_, err = s.templates.UpdateOne(ctx, key(tenant, name), func(now *Template) error {
			if same = equalJSON(now, &old); !same {
				return store.ErrUnchanged
			}
			*now = t
			return nil
		})
		if fault.Is(err, fault.NotFound) {
			err = notFound("Session template", tenant, name)
		}
		if err != nil || same {
			return t, err
		}
	}
}

func equalJSON(a, b any) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

// merge returns the template with the changes.
func (t *Template) merge(p TemplatePatch) (Template, error) {
	var out Template
	raw, err := json.Marshal(t)
	if err == nil {
		err = json.Unmarshal(raw, &out) // a copy that shares nothing
	}
	if err != nil {
		return out, err
	}
	out.DerivedAt = time.Time{} // it is who changes it that has it now
	set(&out.Description, p.Description)
	if p.EnableCFS != nil {
		out.EnableCFS = p.EnableCFS
	}
	out.CFS = mergeCFS(out.CFS, p.CFS)
	for _, name := range p.Order {
		b := out.BootSets.Get(name)
		if b == nil {
			out.BootSets = append(out.BootSets, NamedBootSet{Name: name})
			b = &out.BootSets[len(out.BootSets)-1].BootSet
		}
		cfs := b.CFS
		b.CFS = nil
		if err := json.Unmarshal(p.BootSets[name], b); err != nil {
			return out, invalid("boot set '%s': %w", name, err)
		}
		b.CFS = mergeCFS(cfs, b.CFS)
	}
	return out, nil
}

func mergeCFS(old, patch *bootset.CFS) *bootset.CFS {
	if patch == nil {
		return old
	}
	return patch
}

// DeleteTemplate removes a template. Sessions that were set up already do not
// need it any more.
func (s *Service) DeleteTemplate(ctx context.Context, name, tenant string) error {
	gone, err := s.templates.Delete(ctx, key(tenant, name))
	if err == nil && len(gone) == 0 {
		err = notFound("Session template", tenant, name)
	}
	return err
}

// ValidateTemplate checks a template as a boot session would and says "Valid",
// or what is wrong, or what to beware of.
func (s *Service) ValidateTemplate(ctx context.Context, name, tenant string) (string, error) {
	t, err := s.Template(ctx, name, tenant)
	if err != nil {
		return "", err
	}
	warnings, err := s.checkBootSets(ctx, &t, OperationBoot)
	switch {
	case err != nil:
		return err.Error(), nil
	case len(warnings) > 0:
		return strings.Join(warnings, "; "), nil
	}
	return "Valid", nil
}

// checkBootSets checks the boot sets in order; the first error ends it.
func (s *Service) checkBootSets(ctx context.Context, t *Template, op Operation) (warnings []string, err error) {
	o, err := s.Options(ctx)
	if err != nil {
		return nil, err
	}
	if len(t.BootSets) == 0 {
		return nil, invalid("Session template: '%s' must define at least one boot set", t.Name)
	}
	for i := range t.BootSets {
		b := &t.BootSets[i]
		prefix := fmt.Sprintf("Session template: '%s' boot set: '%s': ", t.Name, b.Name)
		w, err := bootset.Check(ctx, &b.BootSet, s.rules(o, op), s.Objects, s.Images)
		for _, text := range w {
			warnings = append(warnings, prefix+text)
		}
		if err != nil {
			return warnings, fmt.Errorf("%s%w", prefix, err)
		}
	}
	return warnings, nil
}

// ExampleTemplate is a template to start from.
func ExampleTemplate() Template {
	on := true
	return Template{EnableCFS: &on, CFS: &bootset.CFS{Configuration: "default-sessiontemplate-cfs-config"},
		BootSets: BootSets{{Name: "name_your_boot_set", BootSet: bootset.BootSet{
			Path:                      "s3://boot-images/IMS_IMAGE_ID/manifest.json",
			Type:                      "s3",
			ETag:                      new("etag_of_the_manifest"),
			KernelParameters:          new("console=tty0 console=ttyS0,115200 ip=dhcp quiet spire_join_token=${SPIRE_JOIN_TOKEN}"),
			NodeList:                  []string{"x3000c0s19b1n0", "x3000c0s19b2n0"},
			NodeRolesGroups:           []string{"Compute"},
			NodeGroups:                []string{"green", "white"},
			RootfsProvider:            bootset.ProviderSBPS,
			RootfsProviderPassthrough: new("sbps:v1:iqn.2023-06.csm.iscsi:_sbps-hsn._tcp.my-system.my-site-domain:300"),
			CFS:                       &bootset.CFS{Configuration: "boot-set-cfs-config"},
		}}}}
}

// KeepTemplate creates a template or replaces it, without a look at the images
// that it names: as version 1 does.
func (s *Service) KeepTemplate(ctx context.Context, t Template) error {
	if !validName(t.Name) {
		return fault.Titled(fault.Invalid, "The session template could not be created.",
			"name '%s' may have up to %d letters, digits, '.', '-' and '_', the first and last a letter or digit", t.Name, maxName)
	}
	if err := t.settle(); err != nil {
		return fault.Titled(fault.Invalid, "The session template could not be created.", "%w", err)
	}
	return s.templates.Put(ctx, t)
}
