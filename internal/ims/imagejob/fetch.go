package imagejob

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/ims"
	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/s3"
)

// fetch gets what the job begins with.
func (w *work) fetch(ctx context.Context, out io.Writer) error {
	store, err := w.objects()
	if err != nil {
		return err
	}
	if w.order.Type == ims.Create {
		fmt.Fprintf(out, "fetching the recipe %s\n", w.order.Source.Path)
		return w.download(ctx, store, w.order.Source.Path, "", w.volume(recipeFile))
	}
	var m ims.Manifest
	err = w.again(ctx, "read the manifest", func() error {
		data, err := store.Get(ctx, w.order.Source.Path, ims.MaxManifest)
		if err != nil {
			return err
		}
		m, err = ims.ReadManifest(w.order.Source.Path, data)
		return err
	})
	if err != nil {
		return err
	}
	if err := w.Write(sourceFile, m); err != nil {
		return err
	}
	root := artifact(m, ims.RootfsType)
	fmt.Fprintf(out, "fetching the root file system %s\n", root.Link.Path)
	return w.download(ctx, store, root.Link.Path, root.MD5, w.volume(packedFile))
}

// artifact is that of the type, nil if the manifest has none.
func artifact(m ims.Manifest, kind string) *ims.Artifact {
	for i := range m.Artifacts {
		if m.Artifacts[i].Type == kind {
			return &m.Artifacts[i]
		}
	}
	return nil
}

// download gets an object and, if the manifest has its sum, makes sure that it
// is the one that was meant.
func (w *work) download(ctx context.Context, store *s3.Client, url, sum, path string) error {
	return w.again(ctx, "read "+url, func() error {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		defer f.Close()
		hash := md5.New()
		if err := store.Download(ctx, url, io.MultiWriter(f, hash)); err != nil {
			return err
		}
		if is := hex.EncodeToString(hash.Sum(nil)); sum != "" && is != sum {
			return fault.New(fault.Invalid, "%s has the MD5 sum %s; its manifest says %s", url, is, sum)
		}
		return f.Close()
	})
}

// again repeats a call to an object store that does not answer, within the
// job's patience, and tells that the job waits for it.
func (w *work) again(ctx context.Context, what string, do func() error) error {
	const longest = 15 * time.Second
	begin := time.Now()
	for try, pause := 1, time.Second; ; try, pause = try+1, min(2*pause, longest) {
		err := do()
		over := time.Since(begin)+pause > w.settings.Patience
		if err == nil || over || !fault.Is(err, fault.Unavailable) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EIO) {
			return errors.Join(err, w.waits.Over(waitsForStore))
		}
		wait := job.Wait{What: waitsForStore, Why: what + ": " + err.Error(), Tries: try, Of: try + int((w.settings.Patience-time.Since(begin))/longest),
			Since: begin, Next: time.Now().Add(pause)}
		if err := w.waits.Set(wait); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

const waitsForStore = "object store"

// upload puts what the job made into the object store, what the image's root
// did not have anew from the image that it was made of, and last the manifest.
func (w *work) upload(ctx context.Context, out io.Writer) error {
	store, err := w.objects()
	if err != nil {
		return err
	}
	var source ims.Manifest
	if w.order.Type == ims.Customize {
		if source, err = job.Read[ims.Manifest](w.Dir, sourceFile); err != nil {
			return err
		}
	}
	m := ims.Manifest{Version: "1.0", Created: time.Now().UTC().Format(time.DateTime)}
	for _, p := range parts {
		a := ims.Artifact{Type: p.kind}
		err := w.again(ctx, "write the "+p.file, func() (err error) {
			a.Link, a.MD5, err = w.uploadPart(ctx, store, p, artifact(source, p.kind), out)
			return err
		})
		if err != nil {
			return err
		}
		if a.Link != nil {
			m.Artifacts = append(m.Artifacts, a)
		}
	}
	text, err := m.Text()
	if err != nil {
		return err
	}
	link := ims.Link{Type: ims.LinkS3, Path: ims.ImagePath(w.order.ImageID, "manifest.json")}
	err = w.again(ctx, "write the manifest", func() error {
		o, err := store.Put(ctx, link.Path, bytes.NewReader(text), int64(len(text)), "application/json")
		link.ETag = o.ETag
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "image %s, manifest %s\n", w.order.ImageID, link.Path)
	return w.Write(productFile, link)
}

// uploadPart uploads the file of the part, or copies the part of the image that
// the job began with; no link: there is none.
func (w *work) uploadPart(ctx context.Context, store *s3.Client, p part, carried *ims.Artifact, out io.Writer) (*ims.Link, string, error) {
	to := ims.ImagePath(w.order.ImageID, p.file)
	path := w.out(p.file)
	if _, err := os.Stat(path); err == nil {
		fmt.Fprintf(out, "uploading the %s\n", p.file)
		o, sum, err := store.Upload(ctx, to, path)
		return &ims.Link{Type: ims.LinkS3, Path: to, ETag: o.ETag}, sum, err
	}
	if carried == nil {
		fmt.Fprintf(out, "there is no %s\n", p.file)
		return nil, "", nil
	}
	fmt.Fprintf(out, "carrying over the %s\n", p.file)
	o, err := store.Copy(ctx, carried.Link.Path, to)
	return &ims.Link{Type: ims.LinkS3, Path: to, ETag: o.ETag}, carried.MD5, err
}

// part is a file of an image in the object store.
type part struct{ file, kind string }

var parts = []part{{"rootfs", ims.RootfsType}, {"kernel", ims.KernelType}, {"initrd", ims.InitrdType}, {"boot_parameters", ims.ParametersType}}
