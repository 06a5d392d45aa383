package bos

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/bos/bootset"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/xname"
)

// Image is an image of IMS.
type Image struct {
	ID, Name string
	Path     string // of its manifest; empty if it has none yet
	ETag     string // of the manifest; may be empty
	Arch     string // x86_64, aarch64, or empty if not known
}

// bootSetArch is how boot sets name the image's architecture.
func (i *Image) bootSetArch() string {
	if i.Arch == "aarch64" {
		return "ARM"
	}
	return "X86"
}

// templateOf is the template of the session that n asks for. If it asks for another image or
// configuration than the template says, that is a template which is not kept yet, and has a
// name of its own: the template's, and a hash of what it says.
func (s *Service) templateOf(ctx context.Context, n *NewSession) (t Template, derived bool, err error) {
	if n.Image == "" && n.Configuration == "" {
		t, err = s.namedTemplate(ctx, n)
		return t, false, err
	}
	if n.Operation == OperationShutdown {
		return t, false, invalid("image and configuration are for boot and reboot: a shutdown has no use for them")
	}
	var image *Image
	if n.Image != "" {
		if image, err = s.findImage(ctx, n.Image); err != nil {
			return t, false, err
		}
	}
	if n.TemplateName != "" {
		t, err = s.namedTemplate(ctx, n)
	} else {
		t, err = templateFor(n, image)
	}
	if err == nil {
		t, err = t.with(ctx, image, n.Configuration, s.Objects)
	}
	if err == nil {
		err = t.settle()
	}
	if err == nil {
		_, err = s.alreadyKept(ctx, &t)
	}
	return t, true, err
}

// keptDerived bounds the derived templates of a tenant, and those without one.
const keptDerived = 100

// keepDerived keeps a template that was derived, and lets those go that were used longest
// ago if they are too many. It belongs to the transaction that starts the session.
func (s *Service) keepDerived(ctx context.Context, t Template) error {
	kept, err := s.alreadyKept(ctx, &t)
	if err != nil || kept != nil && kept.DerivedAt.IsZero() { // it is somebody's own
		return err
	}
	t.DerivedAt = s.Now()
	if err := s.templates.Put(ctx, t); err != nil {
		return err
	}
	return s.forgetDerived(ctx, &t)
}

// alreadyKept is the kept template of the name of a derived one, nil for none. Where that
// says something else somebody changed it, and what they wrote is not overwritten.
func (s *Service) alreadyKept(ctx context.Context, t *Template) (*Template, error) {
	kept, err := s.templates.Get(ctx, key(t.Tenant, t.Name))
	switch {
	case fault.Is(err, fault.NotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	says := kept
	says.DerivedAt = t.DerivedAt
	if !equalJSON(&says, t) {
		return nil, fault.New(fault.Conflict, "session template '%s' was made for the same wish, but somebody changed it since: boot by it as it is, or delete it", t.Name)
	}
	return &kept, nil
}

// forgetDerived forgets derived templates of the tenant of t that are too many, but neither
// t nor those of sessions that are not over.
func (s *Service) forgetDerived(ctx context.Context, t *Template) error {
	used := map[string]time.Time{} // by name
	err := s.templates.Visit(ctx, ofTenant(t.Tenant), func(one *Template) {
		if one.Tenant == t.Tenant && !one.DerivedAt.IsZero() {
			used[one.Name] = one.DerivedAt
		}
	})
	more := len(used) - keptDerived
	if err != nil || more <= 0 {
		return err
	}
	delete(used, t.Name)
	err = s.sessions.Visit(ctx, ofTenant(t.Tenant), func(session *Session) {
		if session.Tenant == t.Tenant && session.Status.Status != SessionComplete {
			delete(used, session.TemplateName)
		}
	})
	if err != nil {
		return err
	}
	names := slices.SortedFunc(maps.Keys(used), func(a, b string) int { return cmp.Or(used[a].Compare(used[b]), strings.Compare(a, b)) })
	old := names[:min(more, len(names))]
	for i, name := range old {
		old[i] = key(t.Tenant, name)
	}
	_, err = s.templates.Delete(ctx, old...)
	return err
}

func (s *Service) namedTemplate(ctx context.Context, n *NewSession) (Template, error) {
	t, err := s.Template(ctx, n.TemplateName, n.Tenant)
	if fault.Is(err, fault.NotFound) {
		return t, invalid("Session Template Name invalid: %s", n.TemplateName)
	}
	return t, err
}

// findImage is the image with the ID or the name.
func (s *Service) findImage(ctx context.Context, image string) (*Image, error) {
	found, err := s.Images.Find(ctx, image)
	switch {
	case err != nil:
		return nil, fmt.Errorf("ask IMS for image '%s': %w", image, err)
	case len(found) == 0:
		return nil, invalid("image: IMS has none with the ID or the name '%s'", image)
	case len(found) > 1:
		ids := make([]string, len(found))
		for i := range found {
			ids[i] = found[i].ID
		}
		return nil, invalid("image: %d have the name '%s': expected the ID of one (%s)", len(found), image, strings.Join(ids, ", "))
	case found[0].Path == "":
		return nil, invalid("image '%s' has no manifest that could be booted: it was not uploaded yet", image)
	}
	return &found[0], nil
}

// templateFor is what boots the nodes of the limit where no template says how: with the
// image's own kernel parameters.
func templateFor(n *NewSession, image *Image) (Template, error) {
	nodes := bootset.Canonical(strings.Split(n.Limit, ","))
	if image == nil {
		return Template{}, invalid("template_name: expected the name of a session template, since no image is named")
	}
	if i := slices.IndexFunc(nodes, func(node string) bool { return !xname.IsNode(node) }); i >= 0 {
		return Template{}, invalid("limit: expected the xnames of nodes, since no session template is named, but '%s' is none", nodes[i])
	}
	off := false
	return Template{Name: "image", Tenant: n.Tenant, EnableCFS: &off,
		BootSets: BootSets{{Name: "nodes", BootSet: bootset.BootSet{Arch: image.bootSetArch(), NodeList: nodes}}}}, nil
}

// derivedName ends the name of a template that was derived.
var derivedName = regexp.MustCompile(`-[0-9a-f]{8}$`)

// with is the template with another image or configuration: nil and empty leave it what it
// is. Of another image there are the boot sets alone of nodes that can boot it.
func (t Template) with(ctx context.Context, image *Image, configuration string, objects Objects) (_ Template, err error) {
	t.DerivedAt = time.Time{} // the name does not tell it
	base := derivedName.ReplaceAllString(t.Name, "")
	t.BootSets = slices.Clone(t.BootSets)
	var what []string
	if image != nil {
		arch := image.bootSetArch()
		t.BootSets = slices.DeleteFunc(t.BootSets, func(b NamedBootSet) bool { return b.Arch == "X86" && arch == "ARM" || b.Arch == "ARM" && arch == "X86" })
		if len(t.BootSets) == 0 {
			return t, invalid("session template '%s' has no boot set of nodes that can boot image '%s', which is for %s", t.Name, image.Name, arch)
		}
		what = append(what, "image "+image.Name)
	}
	if configuration != "" {
		on := true
		t.EnableCFS, t.CFS = &on, &bootset.CFS{Configuration: configuration}
		what = append(what, "configuration "+configuration)
	}
	for i := range t.BootSets {
		b := &t.BootSets[i]
		if image != nil {
			if b.BootSet, err = b.WithImage(ctx, image.Path, image.ETag, objects); err != nil {
				return t, fmt.Errorf("boot set '%s' with image '%s': %w", b.Name, image.Name, err)
			}
		}
		if configuration != "" {
			b.CFS = nil
		}
	}
	t.Name, t.Description = base, base+" with "+strings.Join(what, " and ")
	says, err := json.Marshal(&t)
	sum := sha256.Sum256(says)
	t.Name = fmt.Sprintf("%s-%x", base[:min(len(base), maxName-9)], sum[:4])
	return t, err
}
