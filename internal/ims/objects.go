package ims

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/s3"
)

// ObjectStore is where images and recipes are; *s3.Client is one. Objects are
// named by s3:// URLs, a missing one is a fault.NotFound.
type ObjectStore interface {
	Get(ctx context.Context, url string, max int64) ([]byte, error)
	Head(ctx context.Context, url string) (s3.Object, error)
	Put(ctx context.Context, url string, r io.Reader, size int64, contentType string) (s3.Object, error)
	Copy(ctx context.Context, from, to string) (s3.Object, error)
	Delete(ctx context.Context, url string) error
}

// deletedPrefix begins the keys of objects that were put aside.
const deletedPrefix = "deleted/"

// holding is what a link leads to: an object, or a manifest with the objects
// that it lists.
type holding struct {
	store ObjectStore
	// manifest tells that links lead to manifests.
	manifest bool
}

// check reads the manifest that the link leads to and looks up what it lists,
// or looks the linked object up.
func (h holding) check(ctx context.Context, link *Link) error {
	if link == nil {
		return nil
	}
	if link.Type != LinkS3 {
		return fault.New(fault.Invalid, "link has the type '%s': expected s3 - 'link.type'", link.Type)
	}
	if !h.manifest {
		_, err := h.store.Head(ctx, link.Path)
		return missing(err, "link.path")
	}
	m, err := h.read(ctx, link.Path)
	if err != nil {
		return missing(err, "link.path")
	}
	for _, a := range m.Artifacts {
		if _, err := h.store.Head(ctx, a.Link.Path); err != nil {
			return missing(err, "link.path")
		}
	}
	return nil
}

// missing makes the absence of what a request refers to the request's fault.
func missing(err error, field string) error {
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.Invalid, "%w - '%s'", err, field)
	}
	return err
}

func (h holding) read(ctx context.Context, path string) (Manifest, error) {
	data, err := h.store.Get(ctx, path, MaxManifest)
	if err != nil {
		return Manifest{}, err
	}
	return ReadManifest(path, data)
}

// list names all objects that the link leads to. A manifest that is gone or
// damaged lists nothing: what cannot be found cannot be moved or removed.
func (h holding) list(ctx context.Context, link *Link) ([]Artifact, error) {
	switch {
	case link == nil:
		return nil, nil
	case !h.manifest:
		return []Artifact{{Link: link}}, nil
	}
	m, err := h.read(ctx, link.Path)
	switch {
	case fault.Is(err, fault.NotFound), fault.Is(err, fault.Invalid):
		slog.Warn("manifest cannot be used; its objects are left alone", "path", link.Path, "error", err)
		return nil, nil
	case err != nil:
		return nil, err
	}
	return append(m.Artifacts, Artifact{Type: manifestType, Link: link}), nil
}

// putAside copies what the link leads to below deleted/ and returns the link
// to it there, with the originals, which can go once the record has moved.
func (h holding) putAside(ctx context.Context, id string, link *Link) (aside *Link, originals []string, err error) {
	all, err := h.list(ctx, link)
	if err != nil || len(all) == 0 {
		return link, nil, err
	}
	moved := Manifest{Version: "1.0"}
	for _, a := range all {
		from, err := s3.ParseURL(a.Link.Path)
		if err != nil {
			return nil, nil, err
		}
		to := s3.URL{Bucket: from.Bucket, Key: deletedPrefix + from.Key}
		copied, err := h.copy(ctx, a, to.String())
		if err != nil {
			return nil, nil, err
		}
		originals = append(originals, a.Link.Path)
		moved.Artifacts = append(moved.Artifacts, copied)
	}
	if !h.manifest {
		return moved.Artifacts[0].Link, originals, nil
	}
	at, err := s3.ParseURL(link.Path)
	if err != nil {
		return nil, nil, err
	}
	path := s3.URL{Bucket: at.Bucket, Key: deletedPrefix + id + "/deleted_manifest.json"}.String()
	text, err := json.Marshal(moved)
	if err != nil {
		return nil, nil, err
	}
	o, err := h.store.Put(ctx, path, bytes.NewReader(text), int64(len(text)), "application/json")
	return &Link{Type: LinkS3, Path: path, ETag: o.ETag}, originals, err
}

// putBack copies what was put aside to where it was and returns the link to
// it, with the copies, which can go once the record has moved.
func (h holding) putBack(ctx context.Context, aside *Link) (link *Link, copies []string, err error) {
	all, err := h.list(ctx, aside)
	if err != nil || len(all) == 0 {
		return aside, nil, err
	}
	for _, a := range all {
		copies = append(copies, a.Link.Path)
		if h.manifest && a.Link.Path == aside.Path {
			continue // the list of what was put aside itself
		}
		from, err := s3.ParseURL(a.Link.Path)
		if err != nil {
			return nil, nil, err
		}
		to := s3.URL{Bucket: from.Bucket, Key: strings.TrimPrefix(from.Key, deletedPrefix)}
		back, err := h.copy(ctx, a, to.String())
		if err != nil {
			return nil, nil, err
		}
		if !h.manifest || a.Type == manifestType {
			link = back.Link
		}
	}
	return link, copies, nil
}

// copy copies an artifact; one that is gone stays gone.
func (h holding) copy(ctx context.Context, a Artifact, to string) (Artifact, error) {
	o, err := h.store.Copy(ctx, a.Link.Path, to)
	if fault.Is(err, fault.NotFound) {
		err = nil
	}
	a.Link = &Link{Type: LinkS3, Path: to, ETag: o.ETag}
	return a, err
}

// remove deletes objects. What cannot be deleted now is left behind: the
// records no longer refer to it.
func (h holding) remove(ctx context.Context, paths []string) {
	for _, path := range paths {
		if err := h.store.Delete(ctx, path); err != nil {
			slog.Warn("object left behind", "path", path, "error", err)
		}
	}
}

// paths are the names of all objects that the link leads to.
func (h holding) paths(ctx context.Context, link *Link) ([]string, error) {
	all, err := h.list(ctx, link)
	out := make([]string, len(all))
	for i, a := range all {
		out[i] = a.Link.Path
	}
	return out, err
}
