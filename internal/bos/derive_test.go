package bos

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bos/bootset"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

func TestTemplatesAreDerived(t *testing.T) {
	off := false
	set := func(name, arch string) NamedBootSet {
		return NamedBootSet{name, bootset.BootSet{Arch: arch, Path: "s3://old", Type: "s3", ETag: new("old"), KernelParameters: new("quiet"),
			NodeList: []string{"x1c0s0b0n0"}, CFS: &bootset.CFS{Configuration: "own"}}}
	}
	from := Template{Name: "t", Description: "d", EnableCFS: &off, BootSets: BootSets{set("x", "X86"), set("a", "ARM"), set("o", "Other")}}
	image := &Image{ID: "id", Name: "compute-9", Path: "s3://new", Arch: "aarch64"}
	got, err := from.with(t.Context(), image, "site", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Description != "t with image compute-9 and configuration site" || !strings.HasPrefix(got.Name, "t-") || len(got.Name) != 10 || !got.UsesCFS() {
		t.Errorf("%+v", got)
	}
	if len(got.BootSets) != 2 || got.BootSets[0].Name != "a" || got.BootSets[1].Name != "o" {
		t.Errorf("boot sets of an image for ARM: %+v", got.BootSets)
	}
	for i := range got.BootSets {
		b := &got.BootSets[i].BootSet
		if b.Path != "s3://new" || b.ETag != nil || b.Parameters() != "quiet" || got.Configuration(b) != "site" {
			t.Errorf("%+v", b)
		}
	}
	if from.BootSets[1].Path != "s3://old" || len(from.BootSets) != 3 || from.UsesCFS() {
		t.Errorf("the template itself changed: %+v", from)
	}
	if again, _ := got.with(t.Context(), image, "site", nil); again.Name != got.Name {
		t.Errorf("derived once more: %s, not %s", again.Name, got.Name)
	}
	from.BootSets[1].KernelParameters = new("debug")
	if changed, _ := from.with(t.Context(), image, "site", nil); changed.Name == got.Name {
		t.Error("what says something else has the same name")
	}
	image.Arch = ""
	if plain, _ := from.with(t.Context(), image, "", nil); len(plain.BootSets) != 2 || plain.BootSets[0].Name != "x" || plain.UsesCFS() || plain.BootSets[0].CFS.Configuration != "own" {
		t.Errorf("%+v", plain)
	}
	from.BootSets = from.BootSets[1:2]
	if none, err := from.with(t.Context(), image, "", nil); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "no boot set of nodes that can boot image 'compute-9'") {
		t.Errorf("%+v %v", none, err)
	}
	long := Template{Name: strings.Repeat("n", maxName), BootSets: BootSets{set("x", "X86")}}
	if got, _ := long.with(t.Context(), nil, "site", nil); !validName(got.Name) {
		t.Errorf("name %s", got.Name)
	}
}

func TestSessionsOfOtherImagesAreRefused(t *testing.T) {
	s := newSite(t)
	s.expect("PUT /v2/sessiontemplates/t", `{"boot_sets":{"c":{"path":"s3://boot-images/image1/manifest.json","type":"s3","node_list":["x1c0s0b0n0"]}}}`, 200, "")
	s.images = []Image{{ID: "1", Name: "two", Path: "s3://1"}, {ID: "2", Name: "two", Path: "s3://2"}, {ID: "3", Name: "empty"}}
	for want, n := range map[string]NewSession{
		"IMS has none with the ID or the name 'nosuch'":     {Operation: OperationBoot, TemplateName: "t", Image: "nosuch"},
		"2 have the name 'two': expected the ID of one":     {Operation: OperationBoot, TemplateName: "t", Image: "two"},
		"it was not uploaded yet":                           {Operation: OperationBoot, TemplateName: "t", Image: "3"},
		"a shutdown has no use for them":                    {Operation: OperationShutdown, TemplateName: "t", Image: "image1"},
		"Session Template Name invalid: none":               {Operation: OperationBoot, TemplateName: "none", Image: "image1"},
		"expected the xnames of nodes":                      {Operation: OperationBoot, Image: "image1", Limit: "x1c0s0b0n0,Compute"},
		"limit: expected the xnames":                        {Operation: OperationBoot, Image: "image1"},
		"template_name: expected the name":                  {Operation: OperationBoot, Configuration: "site", Limit: "x1c0s0b0n0"},
		"name 'no name': expected a name of up to 127":      {Name: "no name", Operation: OperationBoot, TemplateName: "t"},
		"limit: expected up to 524288 bytes, not 524289":    {Operation: OperationBoot, TemplateName: "t", Limit: strings.Repeat("x", bootset.MaxLimit+1)},
		"configuration: expected a name of up to 127 bytes": {Operation: OperationBoot, TemplateName: "t", Configuration: strings.Repeat("c", 128)},
	} {
		if got, err := s.service.CreateSession(t.Context(), n); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v %v", want, got, err)
		}
	}
	s.names(t, "t")
}

func TestSessionsKeepTheirTemplates(t *testing.T) {
	s := newSite(t)
	for _, n := range []NewSession{{Name: "a"}, {Name: "b"}} { // of the same image: the same template
		n.Operation, n.Image, n.Configuration, n.Limit = OperationBoot, "image1", "site", "X1C0S00B0N0"
		got, err := s.service.CreateSession(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		kept, err := s.service.Template(t.Context(), got.TemplateName, "")
		if err != nil || kept.Configuration(&kept.BootSets[0].BootSet) != "site" || !slices.Equal(kept.BootSets[0].NodeList, []string{"x1c0s0b0n0"}) {
			t.Errorf("%+v %v", kept, err)
		}
		s.names(t, got.TemplateName)
	}
	_, err := s.service.CreateSession(t.Context(), NewSession{Name: "b", Operation: OperationBoot, Image: "image1", Limit: "x1c0s1b0n0"})
	if !fault.Is(err, fault.Conflict) {
		t.Errorf("a name twice: %v", err)
	}
	if all, err := s.service.templates.List(context.Background(), store.Query{}); len(all) != 1 || err != nil {
		t.Errorf("a template of a session that was not started: %+v %v", all, err)
	}
}

// What somebody wrote is never overwritten by a wish that made the same template before.
func TestDerivedTemplatesThatWereChangedStay(t *testing.T) {
	s := newSite(t)
	want := NewSession{Operation: OperationBoot, Image: "image1", Limit: "x1c0s0b0n0"}
	got, err := s.service.CreateSession(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.service.PatchTemplate(t.Context(), got.TemplateName, "", TemplatePatch{Description: new("mine")}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.service.CreateSession(t.Context(), want); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "session template '"+got.TemplateName+"'") {
		t.Errorf("the same wish once more: %v", err)
	}
	derived := got
	derived.Name, derived.Derived = "late", &Template{Name: got.TemplateName, BootSets: BootSets{}} // checked before the change
	if err := s.service.StartSession(t.Context(), derived); !fault.Is(err, fault.Conflict) {
		t.Errorf("a session that was checked before: %v", err)
	}
	kept, err := s.service.Template(t.Context(), got.TemplateName, "")
	if err != nil || kept.Description != "mine" || !kept.DerivedAt.IsZero() {
		t.Errorf("%+v %v", kept, err)
	}
	if all, err := s.service.Sessions(t.Context(), "", SessionFilter{}); err != nil || len(all) != 1 {
		t.Errorf("%d sessions, %v", len(all), err)
	}
}

func TestDerivedTemplatesAreBounded(t *testing.T) {
	s := newSite(t)
	s.expect("PUT /v2/sessiontemplates/own", `{"boot_sets":{"c":{"path":"s3://boot-images/image1/manifest.json","type":"s3","node_list":["x1c0s0b0n0"]}}}`, 200, "")
	var made []string
	for i := range keptDerived + 5 {
		s.now = s.now.Add(time.Second)
		got, err := s.service.CreateSession(t.Context(), NewSession{Operation: OperationBoot, Image: "image1", Limit: fmt.Sprintf("x1c0s%db0n0", i)})
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, got.TemplateName)
		if i == 0 || i == 2 { // these are not over
			continue
		}
		if _, err := s.service.ChangeSession(t.Context(), got.Name, "", func(r *Session) error { r.Status.Status = SessionComplete; return nil }); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			if _, err := s.service.PatchTemplate(t.Context(), got.TemplateName, "", TemplatePatch{Description: new("mine")}); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Of those that were made one is somebody's own now: the oldest four go whose sessions are over.
	want := append([]string{"own"}, slices.Concat(made[:3], made[7:])...)
	slices.Sort(want)
	s.names(t, want...)
}

// names expects these templates, and no others.
func (s *site) names(t *testing.T, want ...string) {
	t.Helper()
	all, err := s.service.Templates(t.Context(), "")
	var got []string
	for i := range all {
		got = append(got, all[i].Name)
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("templates %v %v, want %v", got, err, want)
	}
}
