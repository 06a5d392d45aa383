package ims_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/ims"
	"github.com/drover-hpc/drover/internal/s3"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

// objects is an object store in memory.
type objects map[string][]byte

func (o objects) Get(_ context.Context, url string, max int64) ([]byte, error) {
	data, ok := o[url]
	if !ok {
		return nil, fault.New(fault.NotFound, "no object %s", url)
	}
	return data[:min(int64(len(data)), max)], nil
}

func (o objects) Head(_ context.Context, url string) (s3.Object, error) {
	data, ok := o[url]
	if !ok {
		return s3.Object{}, fault.New(fault.NotFound, "no object %s", url)
	}
	sum := md5.Sum(data)
	return s3.Object{Size: int64(len(data)), ETag: hex.EncodeToString(sum[:])}, nil
}

func (o objects) Put(ctx context.Context, url string, r io.Reader, _ int64, _ string) (s3.Object, error) {
	o[url], _ = io.ReadAll(r)
	return o.Head(ctx, url)
}

func (o objects) Copy(ctx context.Context, from, to string) (s3.Object, error) {
	if _, err := o.Head(ctx, from); err != nil {
		return s3.Object{}, err
	}
	o[to] = o[from]
	return o.Head(ctx, to)
}

func (o objects) Delete(_ context.Context, url string) error {
	delete(o, url)
	return nil
}

// upload puts the objects into a real store.
func (o objects) upload(t *testing.T, to *s3.Client) {
	t.Helper()
	for name, data := range o {
		if _, err := to.Put(t.Context(), name, bytes.NewReader(data), int64(len(data)), ""); err != nil {
			t.Fatal(err)
		}
	}
}

// image puts the objects of an image there and returns its manifest's path.
func (o objects) image(id string) string {
	base := "s3://boot-images/" + id + "/"
	var artifacts []string
	for _, name := range []string{"kernel", "initrd", "rootfs.squashfs"} {
		o[base+name] = []byte(name + id)
		artifacts = append(artifacts, fmt.Sprintf(
			`{"type":"application/vnd.cray.image.%s","md5":"","link":{"type":"s3","path":"%s","etag":""}}`, name, base+name))
	}
	o[base+"manifest.json"] = []byte(`{"version":"1.0","created":"2026-03-01 00:00:00","artifacts":[` + strings.Join(artifacts, ",") + `]}`)
	return base + "manifest.json"
}

var _ ims.ObjectStore = (*s3.Client)(nil)

type rig struct {
	t       *testing.T
	http    *httpapi.Client
	client  *ims.Client
	objects objects
}

func start(t *testing.T) rig {
	t.Helper()
	o := objects{}
	r := startOn(t, o)
	r.objects = o
	return r
}

func startOn(t *testing.T, o ims.ObjectStore) rig {
	t.Helper()
	db, err := store.Open(t.Context(), storetest.Migrated(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	mux := http.NewServeMux()
	ims.Register(httpapi.New(mux, "/apis/ims", "IMS", "3"), ims.NewService(ims.Config{DB: db, Objects: o,
		Now: func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 500_000_000, time.UTC) }}))
	c := httpapi.NewClient("IMS", "http://local/apis/ims", httpapi.Local(mux))
	c.Retries = 0
	return rig{t: t, http: c, client: ims.NewClient(c)}
}

func (r rig) do(method, path string, in, out any) error {
	_, err := r.http.Do(r.t.Context(), method, path, nil, in, out)
	return err
}

func (r rig) must(method, path string, in, out any) {
	r.t.Helper()
	if err := r.do(method, path, in, out); err != nil {
		r.t.Fatal(err)
	}
}

func (r rig) create(name string) ims.Image {
	r.t.Helper()
	i, err := r.client.CreateImage(r.t.Context(), ims.NewImage{Name: name, Link: &ims.Link{Type: "s3", Path: r.objects.image(name)}})
	if err != nil {
		r.t.Fatal(err)
	}
	return i
}

func TestImageIsPublishedAsTheInterfaceSays(t *testing.T) {
	r := start(t)
	var got map[string]any
	r.must("POST", "/v3/images", map[string]any{"name": "empty", "metadata": map[string]any{"key": "a", "value": "b"}}, &got)
	id := got["id"].(string)
	want := map[string]any{"id": id, "created": "2026-03-01T12:00:00.500000", "name": "empty", "link": nil,
		"arch": "x86_64", "metadata": map[string]any{"a": "b"}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	for _, path := range []string{"/images/", "/v2/images/", "/v3/images/"} {
		var again map[string]any
		r.must("GET", path+id, nil, &again)
		if fmt.Sprint(again) != fmt.Sprint(want) {
			t.Errorf("GET %s: %v", path, again)
		}
	}
	if _, err := r.client.Image(t.Context(), "deleted"); !fault.Is(err, fault.NotFound) {
		t.Errorf("missing image: %v", err)
	}
}

func TestLinkMustLeadToAManifestInOrder(t *testing.T) {
	rootfs := `{"type":"application/vnd.cray.image.rootfs.squashfs","link":{"type":"s3","path":"s3://b/i/rootfs"}}`
	for name, tc := range map[string]struct{ manifest, linkType, want string }{
		"no manifest":      {"", "s3", "s3://b/i/manifest.json"},
		"other link type":  {"{}", "http", "link.type"},
		"an array":         {"[]", "s3", "no JSON object"},
		"damaged":          {"{", "s3", "cannot be read"},
		"other version":    {`{"version":"2.0","artifacts":[` + rootfs + `]}`, "s3", "expected '1.0'"},
		"no rootfs":        {`{"version":"1.0","artifacts":[]}`, "s3", "0 artifacts"},
		"two rootfs":       {`{"version":"1.0","artifacts":[` + rootfs + "," + rootfs + `]}`, "s3", "2 artifacts"},
		"artifact no link": {`{"version":"1.0","artifacts":[{"type":"x"}]}`, "s3", "no link"},
		"missing artifact": {`{"version":"1.0","artifacts":[` + rootfs + `]}`, "s3", "s3://b/i/rootfs"},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			if tc.manifest != "" {
				r.objects["s3://b/i/manifest.json"] = []byte(tc.manifest)
			}
			_, err := r.client.CreateImage(t.Context(), ims.NewImage{Name: "i", Link: &ims.Link{Type: tc.linkType, Path: "s3://b/i/manifest.json"}})
			if !httpapi.IsStatus(err, 400) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want a 400 that says %q", err, tc.want)
			}
			if all, _ := r.client.Images(t.Context()); len(all) != 0 {
				t.Errorf("an image was stored all the same")
			}
		})
	}
}

func TestManifestBelongsToOneImage(t *testing.T) {
	r := start(t)
	first := r.create("one")
	_, err := r.client.CreateImage(t.Context(), ims.NewImage{Name: "two", Link: first.Link})
	if !httpapi.IsStatus(err, 400) {
		t.Errorf("second image of a manifest: %v", err)
	}
}

func TestPatchImage(t *testing.T) {
	r := start(t)
	i := r.create("one")
	if err := r.client.SetImageMetadata(t.Context(), i.ID, "sbps-project", "true"); err != nil {
		t.Fatal(err)
	}
	var got ims.Image
	r.must("PATCH", "/v3/images/"+i.ID, map[string]any{"arch": "aarch64", "link": i.Link}, &got)
	if got.Arch != "aarch64" || got.Metadata["sbps-project"] != "true" {
		t.Errorf("patched image %+v", got)
	}
	r.must("PATCH", "/v3/images/"+i.ID, map[string]any{"metadata": map[string]any{"operation": "remove", "key": "sbps-project"}}, &got)
	if again, _ := r.client.Image(t.Context(), i.ID); len(again.Metadata) != 0 {
		t.Errorf("metadata after removal: %v", again.Metadata)
	}
	other := ims.Link{Type: "s3", Path: r.objects.image("other")}
	if err := r.do("PATCH", "/v3/images/"+i.ID, map[string]any{"link": other}, nil); !httpapi.IsStatus(err, 409) {
		t.Errorf("another link: %v, want 409", err)
	}
	if err := r.do("PATCH", "/v3/images/"+i.ID, map[string]any{"name": "x"}, nil); !httpapi.IsStatus(err, 400) {
		t.Errorf("unknown field: %v, want 400", err)
	}
}

func TestSoftDeletedImageComesBackWhole(t *testing.T) {
	r := start(t)
	i := r.create("one")
	before := maps.Clone(r.objects)
	r.must("DELETE", "/v3/images/"+i.ID, nil, nil)

	if _, err := r.client.Image(t.Context(), i.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("deleted image: %v", err)
	}
	for name := range r.objects {
		if !strings.HasPrefix(name, "s3://boot-images/deleted/") {
			t.Errorf("object %s was not put aside", name)
		}
	}
	var deleted ims.DeletedImage
	r.must("GET", "/v3/deleted/images/"+i.ID, nil, &deleted)
	if want := "s3://boot-images/deleted/" + i.ID + "/deleted_manifest.json"; deleted.Link.Path != want || r.objects[want] == nil {
		t.Errorf("deleted image's link %v, want %s", deleted.Link, want)
	}

	r.must("PATCH", "/v3/deleted/images/"+i.ID, map[string]string{"operation": "undelete"}, nil)
	back, err := r.client.Image(t.Context(), i.ID)
	if err != nil || back.Link.Path != i.Link.Path || back.Name != i.Name {
		t.Errorf("restored image %+v, error %v", back, err)
	}
	if !maps.EqualFunc(before, r.objects, slices.Equal[[]byte]) {
		t.Errorf("objects after undelete: %v", slices.Sorted(maps.Keys(r.objects)))
	}
	if err := r.do("GET", "/v3/deleted/images/"+i.ID, nil, nil); !httpapi.IsStatus(err, 404) {
		t.Errorf("restored image among the deleted: %v", err)
	}
}

func TestDeletionForGood(t *testing.T) {
	for name, erase := range map[string]func(r rig, id string){
		"soft, then purge": func(r rig, id string) {
			r.must("DELETE", "/v3/images/"+id, nil, nil)
			r.must("DELETE", "/v3/deleted/images/"+id, nil, nil)
		},
		"collections": func(r rig, _ string) {
			r.must("DELETE", "/v3/images", nil, nil)
			r.must("DELETE", "/v3/deleted/images", nil, nil)
		},
		"v2":   func(r rig, id string) { r.must("DELETE", "/v2/images/"+id, nil, nil) },
		"root": func(r rig, id string) { r.must("DELETE", "/images/"+id, nil, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			erase(r, r.create("one").ID)
			if len(r.objects) != 0 {
				t.Errorf("objects left: %v", slices.Sorted(maps.Keys(r.objects)))
			}
			var deleted []json.RawMessage
			r.must("GET", "/v3/deleted/images", nil, &deleted)
			if all, err := r.client.Images(t.Context()); err != nil || len(all)+len(deleted) != 0 {
				t.Errorf("records left: %v %s, error %v", all, deleted, err)
			}
		})
	}
	t.Run("without cascade", func(t *testing.T) {
		r := start(t)
		i := r.create("one")
		n := len(r.objects)
		r.must("DELETE", "/v2/images/"+i.ID+"?cascade=false", nil, nil)
		if len(r.objects) != n {
			t.Errorf("objects left: %v", slices.Sorted(maps.Keys(r.objects)))
		}
	})
}

func TestImageWhoseManifestIsGoneCanBeDeletedAndRestored(t *testing.T) {
	r := start(t)
	i := r.create("one")
	delete(r.objects, i.Link.Path)
	r.must("DELETE", "/v3/images/"+i.ID, nil, nil)
	r.must("PATCH", "/v3/deleted/images", map[string]string{"operation": "undelete"}, nil)
	if back, err := r.client.Image(t.Context(), i.ID); err != nil || *back.Link != *i.Link {
		t.Errorf("restored image %+v, error %v", back, err)
	}
}

func TestRecipesAndPublicKeys(t *testing.T) {
	r := start(t)
	r.objects["s3://ims/recipes/1/r.tgz"] = []byte("tar")
	var recipe ims.Recipe
	r.must("POST", "/v3/recipes", map[string]any{"name": "r", "recipe_type": "kiwi-ng", "linux_distribution": "sles15",
		"link": map[string]any{"type": "s3", "path": "s3://ims/recipes/1/r.tgz"}}, &recipe)
	if !recipe.DKMS || recipe.Arch != "x86_64" || recipe.Template == nil {
		t.Errorf("defaults of a recipe: %+v", recipe)
	}
	r.must("PATCH", "/v3/recipes/"+recipe.ID, map[string]any{"require_dkms": false}, &recipe)
	if recipe.DKMS {
		t.Error("require_dkms was not changed")
	}
	r.must("DELETE", "/v3/recipes/"+recipe.ID, nil, nil)
	if r.objects["s3://ims/deleted/recipes/1/r.tgz"] == nil || len(r.objects) != 1 {
		t.Errorf("objects: %v", slices.Sorted(maps.Keys(r.objects)))
	}
	r.must("PATCH", "/v3/deleted/recipes/"+recipe.ID, map[string]any{"operation": "undelete"}, nil)
	r.must("GET", "/recipes/"+recipe.ID, nil, &recipe)
	if recipe.Link.Path != "s3://ims/recipes/1/r.tgz" || r.objects[recipe.Link.Path] == nil {
		t.Errorf("restored recipe %+v", recipe)
	}

	var key ims.PublicKey
	r.must("POST", "/public-keys", map[string]any{"name": "k", "public_key": aPublicKey}, &key)
	r.must("DELETE", "/v3/public-keys/"+key.ID, nil, nil)
	r.must("PATCH", "/v3/deleted/public-keys/"+key.ID, map[string]any{"operation": "undelete"}, nil)
	r.must("DELETE", "/v2/public-keys/"+key.ID, nil, nil)
	if err := r.do("GET", "/v3/public-keys/"+key.ID, nil, nil); !httpapi.IsStatus(err, 404) {
		t.Errorf("deleted key: %v", err)
	}
}

// A terminal obeys control characters that a list shows.
func TestFieldsOfNamesWithControlCharactersAreNamed(t *testing.T) {
	r := start(t)
	const id, bad = "ff287206-6ff7-4659-92ad-6e732821c6b4", "a\x1b[2J"
	job := func(name, shell string) ims.NewJob {
		return ims.NewJob{Type: ims.Customize, ArtifactID: id, KeyID: id, Name: name, Containers: []ims.SSHContainer{{Name: shell}}}
	}
	for _, c := range []struct {
		kind  string
		body  any
		field string
	}{
		{"images", ims.NewImage{Name: bad}, "name"},
		{"recipes", ims.NewRecipe{Name: bad, Type: "kiwi-ng", Distro: "sles15"}, "name"},
		{"public-keys", ims.NewPublicKey{Name: bad, PublicKey: aPublicKey}, "name"},
		{"jobs", job(bad, "shell"), "image_root_archive_name"},
		{"jobs", job("image", bad), "ssh_containers[0].name"},
	} {
		err := r.do("POST", "/v3/"+c.kind, c.body, nil)
		if !httpapi.IsStatus(err, 400) || !strings.Contains(err.Error(), c.field+`: "a\x1b[2J" has the control character U+001B`) {
			t.Errorf("%s of %+v: %v", c.kind, c.body, err)
		}
		var all []any
		if r.must("GET", "/v3/"+c.kind, nil, &all); len(all) != 0 {
			t.Errorf("%s: kept %v", c.kind, all)
		}
	}
}

func TestRegisterWithoutService(t *testing.T) {
	ims.Register(httpapi.New(http.NewServeMux(), "/apis/ims", "IMS", "3"), nil)
}

func TestSoftDeletionOnARealStore(t *testing.T) {
	creds := s3.Credentials{AccessKey: "key", SecretKey: "secret-of-the-test"}
	server, err := s3.StartServer(t.Context(), s3.ServerConfig{Dir: t.TempDir(), Listen: "127.0.0.1:0", Credentials: creds})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	bucket, err := s3.NewClient(server.Endpoint(), creds)
	if err != nil {
		t.Fatal(err)
	}
	if err := bucket.EnsureBuckets(t.Context(), "boot-images"); err != nil {
		t.Fatal(err)
	}
	o := objects{}
	path := o.image("one")
	o.upload(t, bucket)
	kernel := strings.Replace(path, "manifest.json", "kernel", 1)
	kept := strings.Replace(kernel, "boot-images/", "boot-images/deleted/", 1)
	exists := func(name string) bool {
		_, err := bucket.Head(t.Context(), name)
		if err != nil && !fault.Is(err, fault.NotFound) {
			t.Fatal(err)
		}
		return err == nil
	}

	r := startOn(t, bucket)
	i, err := r.client.CreateImage(t.Context(), ims.NewImage{Name: "one", Link: &ims.Link{Type: "s3", Path: path}})
	if err != nil {
		t.Fatal(err)
	}
	r.must("DELETE", "/v3/images/"+i.ID, nil, nil)
	if exists(kernel) || exists(path) || !exists(kept) {
		t.Errorf("after the deletion: kernel there %v, manifest there %v, kernel put aside %v", exists(kernel), exists(path), exists(kept))
	}
	r.must("PATCH", "/v3/deleted/images/"+i.ID, map[string]string{"operation": "undelete"}, nil)
	if !exists(kernel) || !exists(path) || exists(kept) {
		t.Errorf("after the undeletion: kernel there %v, manifest there %v, kernel put aside %v", exists(kernel), exists(path), exists(kept))
	}
	data, err := bucket.Get(t.Context(), kernel, 100)
	if err != nil || string(data) != string(o[kernel]) {
		t.Errorf("kernel after all that: %q, error %v", data, err)
	}
}
