package bootset

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drover-hpc/drover/internal/fault"
)

func TestLimit(t *testing.T) {
	nodes := map[string]bool{"x1": true, "x2": true, "x3": true, "x4": true}
	members := func(name string) ([]string, bool) {
		list, known := map[string][]string{"g": {"x1", "x2", "x9"}, "h": {"x2", "x3"}}[name]
		return list, known
	}
	for expr, want := range map[string]string{
		"": "x1 x2 x3 x4", "all": "x1 x2 x3 x4", "*": "x1 x2 x3 x4", "x1": "x1", "x1,x3": "x1 x3", "g": "x1 x2", "g,h": "x1 x2 x3",
		"g,&h": "x2", "g,!h": "x1", "all,!x1": "x2 x3 x4", "!x1": "", "&g": "", "x9": "", "g,!x1,x1": "x1 x2", "x1,,x2,": "x1 x2",
		"X2": "x2", " x1": "",
	} {
		got, err := Limit(expr, maps.Clone(nodes), members)
		if err != nil || strings.Join(slices.Sorted(maps.Keys(got)), " ") != want {
			t.Errorf("%q: %v %v, want %q", expr, got, err, want)
		}
	}
	for _, expr := range []string{"&", "x1,!", "!!x1", "&!g"} {
		if _, err := Limit(expr, nodes, members); err == nil {
			t.Errorf("%q was taken", expr)
		}
	}
}

func TestLimitHasNIDs(t *testing.T) {
	for expr, want := range map[string]bool{"nid1": true, "x1,&nid2": true, "!nid": true, "NID1": false, "x1": false, "anid1": false} {
		if LimitHasNIDs(expr) != want {
			t.Errorf("%q: %t", expr, !want)
		}
	}
}

func TestCanonical(t *testing.T) {
	got := Canonical([]string{"X01C00S0B1N0", "x1c0s0b0n0", "NID001", "Foo"})
	if want := []string{"x1c0s0b1n0", "x1c0s0b0n0", "nid001", "foo"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// shelf is an S3 with an IMS beside it.
type shelf struct {
	objects map[string]string
	archs   map[string]string
	err     error
}

func (s shelf) Get(_ context.Context, url string, _ int64) ([]byte, error) {
	body, known := s.objects[url]
	if !known {
		return nil, fault.New(fault.NotFound, "no object %s", url)
	}
	return []byte(body), nil
}

func (s shelf) ETag(ctx context.Context, url string) (string, error) {
	_, err := s.Get(ctx, url, 0)
	return "", err
}

func (s shelf) Arch(_ context.Context, id string) (string, error) {
	arch, known := s.archs[id]
	if s.err == nil && !known {
		return "", fault.New(fault.NotFound, "no image")
	}
	return arch, s.err
}

func artifact(kind, name string) string {
	return `{"type":"application/vnd.cray.image.` + kind + `","link":{"type":"s3","path":"s3://b/id/` + name + `","etag":"` + name + `-etag"}}`
}

func fullShelf() shelf {
	list := []string{artifact("kernel", "kernel"), artifact("initrd", "initrd"), artifact("rootfs.squashfs", "rootfs"), artifact("parameters.boot", "params")}
	return shelf{archs: map[string]string{"id": "aarch64", "old": ""}, objects: map[string]string{
		"s3://b/id/manifest.json": `{"artifacts":[` + strings.Join(list, ",") + `]}`,
		"s3://b/id/kernel":        "", "s3://b/id/initrd": "", "s3://b/id/rootfs": "", "s3://b/id/params": " console=ttyS0 \n  quiet\n"}}
}

func TestCompose(t *testing.T) {
	for name, c := range map[string]struct {
		set  BootSet
		want string
		err  string
	}{
		"own root":          {BootSet{KernelParameters: new("root=live:s3://b/id/rootfs")}, "console=ttyS0 quiet root=live:s3://b/id/rootfs bos_update_frequency=4h", ""},
		"passthrough alone": {BootSet{RootfsProviderPassthrough: new("p")}, "console=ttyS0 quiet root=::p bos_update_frequency=4h", ""},
		"sbps": {BootSet{RootfsProvider: "sbps", RootfsProviderPassthrough: new("sbps:v1"), KernelParameters: new("ip=dhcp")},
			"console=ttyS0 quiet ip=dhcp root=sbps-s3:s3://b/id/rootfs:rootfs-etag:sbps:v1 nmd_data=url=s3://b/id/rootfs,etag=rootfs-etag bos_update_frequency=4h", ""},
		"unknown provider": {BootSet{RootfsProvider: "nfs"}, "", "rootfs_provider 'nfs' is not supported"},
		"too long":         {BootSet{KernelParameters: new(strings.Repeat("a", 4096))}, "", "of more than 2028 the end is cut off in silence; shorten kernel_parameters (4096 characters) or the image's own (19)"},
		"ends in iPXE":     {BootSet{KernelParameters: new("a || b")}, "", "iPXE ends the kernel command line at the word '||'"},
		"a line break":     {BootSet{KernelParameters: new("a\nb")}, "", "the kernel command line has the control character U+000A"},
		"too long signed":  {BootSet{KernelParameters: new("root=live:s3://b/id/rootfs " + strings.Repeat("a", 1500))}, "", "the kernel command line is 20"},
	} {
		c.set.Path, c.set.Type = "s3://b/id/manifest.json", "s3"
		img, err := LoadImage(t.Context(), &c.set, fullShelf())
		if err != nil {
			t.Fatal(err)
		}
		got, err := Compose(t.Context(), &c.set, img, "bos_update_frequency=4h", fullShelf())
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want %s", name, err, c.err)
			}
		case err != nil || cmp.Diff(Artifacts{"s3://b/id/kernel", c.want, "s3://b/id/initrd"}, got) != "":
			t.Errorf("%s: %v\n%+v\nwant %s", name, err, got, c.want)
		}
	}
}

func TestCheck(t *testing.T) {
	all := Rules{Artifacts: true}
	for name, c := range map[string]struct {
		set      func(*BootSet, *shelf)
		rules    Rules
		warnings string
		err      string
	}{
		"good":            {func(*BootSet, *shelf) {}, all, "", ""},
		"no nodes":        {func(b *BootSet, _ *shelf) { b.NodeList = nil }, all, "", "must name something"},
		"provider":        {func(b *BootSet, _ *shelf) { b.RootfsProvider = "nfs" }, all, "rootfs_provider 'nfs'", ""},
		"nid":             {func(b *BootSet, _ *shelf) { b.NodeList = []string{"nid1"} }, all, "NIDs", ""},
		"nid refused":     {func(b *BootSet, _ *shelf) { b.NodeList = []string{"nid1"} }, Rules{RejectNIDs: true}, "", "reject_nids"},
		"type":            {func(b *BootSet, _ *shelf) { b.Type = "ftp" }, all, "", "type 'ftp' is not supported"},
		"no manifest":     {func(_ *BootSet, s *shelf) { delete(s.objects, "s3://b/id/manifest.json") }, all, "", "read manifest"},
		"broken manifest": {func(_ *BootSet, s *shelf) { s.objects["s3://b/id/manifest.json"] = "[" }, all, "", "no JSON object"},
		"two kernels": {func(_ *BootSet, s *shelf) {
			s.objects["s3://b/id/manifest.json"] = `{"artifacts":[` + artifact("kernel", "a") + `,` + artifact("kernel", "b") + `]}`
		}, all, "", "more than one artifact"},
		"no kernel":         {func(_ *BootSet, s *shelf) { s.objects["s3://b/id/manifest.json"] = `{}` }, all, "", "lists no artifact of type application/vnd.cray.image.kernel"},
		"kernel gone":       {func(_ *BootSet, s *shelf) { delete(s.objects, "s3://b/id/kernel") }, all, "", "look up kernel"},
		"initrd gone":       {func(_ *BootSet, s *shelf) { delete(s.objects, "s3://b/id/initrd") }, all, "look up initrd", ""},
		"parameters gone":   {func(_ *BootSet, s *shelf) { delete(s.objects, "s3://b/id/params") }, all, "kernel parameters", ""},
		"line crowded":      {func(b *BootSet, _ *shelf) { b.KernelParameters = new(strings.Repeat("a=1 ", 29)) }, all, "30 words NAME=VALUE", ""},
		"line too long":     {func(b *BootSet, _ *shelf) { b.KernelParameters = new(strings.Repeat("a", 1900)) }, all, "the end is cut off in silence", ""},
		"shutdown":          {func(_ *BootSet, s *shelf) { clear(s.objects) }, Rules{}, "", ""},
		"wrong arch":        {func(b *BootSet, _ *shelf) { b.Arch = "X86" }, all, "", "needs an image for x86_64, but image 'id' is for aarch64"},
		"other arch":        {func(b *BootSet, _ *shelf) { b.Arch = "Other" }, all, "Can't validate boot image arch", ""},
		"not in IMS":        {func(_ *BootSet, s *shelf) { clear(s.archs) }, all, "IMS has no image 'id'", ""},
		"must be in IMS":    {func(_ *BootSet, s *shelf) { clear(s.archs) }, Rules{Artifacts: true, ImagesMustExist: true}, "", "IMS has no image 'id'"},
		"IMS down":          {func(_ *BootSet, s *shelf) { s.err = errors.New("down") }, all, "Can't validate boot image arch: down", ""},
		"IMS down is fatal": {func(_ *BootSet, s *shelf) { s.err = errors.New("down") }, Rules{Artifacts: true, IMSErrorsFatal: true}, "", "ask IMS"},
	} {
		b := &BootSet{Path: "s3://b/id/manifest.json", Type: "s3", Arch: "ARM", NodeList: []string{"x1"}}
		s := fullShelf()
		c.set(b, &s)
		warnings, err := Check(t.Context(), b, c.rules, s, s)
		if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: error %v, want %q", name, err, c.err)
		}
		if got := strings.Join(warnings, "; "); (got != "") != (c.warnings != "") || !strings.Contains(got, c.warnings) {
			t.Errorf("%s: warnings %q, want %q", name, got, c.warnings)
		}
	}
}

func TestImageID(t *testing.T) {
	for path, want := range map[string]string{"s3://b/id/kernel": "id", "s3://b/deleted/id/kernel": "deleted", "s3://b/kernel": "", "http://b/id/kernel": "", "": ""} {
		if got := ImageID(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}
