package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/spf13/cobra"
)

// imageBucket is where images are kept.
const imageBucket = "boot-images"

// part is a file of an image.
type part struct {
	name, mime string
	required   bool
	// found are the names and prefixes by which a file is recognised.
	found []string
}

// parts are what an image is made of, under the names they get in the store.
var parts = []part{
	{"kernel", "application/vnd.cray.image.kernel", true, []string{"kernel", "vmlinuz", "Image", "bzImage"}},
	{"initrd", "application/vnd.cray.image.initrd", true, []string{"initrd", "initramfs"}},
	{"rootfs", "application/vnd.cray.image.rootfs.squashfs", true, []string{"rootfs", "root.squashfs", "filesystem.squashfs"}},
	{"boot_parameters", "application/vnd.cray.image.parameters.boot", false, []string{"boot_parameters", "kernel-parameters"}},
}

func (a *app) images() *cobra.Command {
	var name, arch string
	cmd := a.verb("upload DIR|FILES...", "Upload an image and register it", atLeast("DIR|FILES"),
		func(cmd *cobra.Command, g *globals, args []string) error {
			if name == "" {
				return usageError("Missing option '--name'.")
			}
			if arch != "x86_64" && arch != "aarch64" {
				return usageError("Invalid value for '--arch': invalid choice: %s. (choose from x86_64, aarch64)", arch)
			}
			files, err := imageFiles(args)
			if err != nil {
				return err
			}
			asked := g.format != ""
			s, err := a.open(g)
			if err != nil {
				return err
			}
			image, err := s.uploadImage(cmd.Context(), newImage{Name: name, Arch: arch}, files)
			if err != nil {
				return err
			}
			return s.printImage(image, asked)
		})
	cmd.Long = "Upload an image and register it with the Image Management Service.\n\n" +
		"DIR holds kernel (or vmlinuz...), initrd, rootfs (or *.squashfs) and, if wanted, boot_parameters; or name the files."
	cmd.Flags().StringVar(&name, "name", "", "name of the image")
	cmd.Flags().StringVar(&arch, "arch", "x86_64", "architecture: x86_64 or aarch64")
	top := group("images", "Boot images")
	top.AddCommand(cmd, a.buildImage())
	return top
}

// printImage prints the image as a record if a format was asked for, else as
// lines for people.
func (s *session) printImage(image *uploaded, asked bool) error {
	if asked {
		return s.print(image)
	}
	_, err := fmt.Fprintf(s.app.Stdout, "image     %s\nmanifest  %s\netag      %s\nroot      %s\n", image.ID, image.Path, image.ETag, image.Root)
	return err
}

// imageFiles finds the parts among the files, or the files of the one folder.
func imageFiles(args []string) (map[string]string, error) {
	paths := args
	info, err := os.Stat(args[0])
	if err != nil {
		return nil, usageError("%v: expected a directory with a kernel, an initrd and a rootfs, or these files", err)
	}
	if len(args) == 1 && info.IsDir() {
		entries, err := os.ReadDir(args[0])
		if err != nil {
			return nil, err
		}
		paths = nil
		for _, e := range entries {
			if !e.IsDir() {
				paths = append(paths, filepath.Join(args[0], e.Name()))
			}
		}
	}
	files := map[string]string{}
	for _, path := range paths {
		p := partOf(filepath.Base(path))
		switch {
		case p == nil && len(args) == 1:
		case p == nil:
			return nil, failed("%s: is it a kernel, an initrd, a rootfs or boot_parameters? Name it so.", path)
		case files[p.name] != "":
			return nil, failed("both %s and %s look like the %s; name the files", files[p.name], path, p.name)
		default:
			files[p.name] = path
		}
	}
	for _, p := range parts {
		if p.required && files[p.name] == "" {
			return nil, failed("no %s among the files; looked for names that begin with %s", p.name, strings.Join(p.found, ", "))
		}
	}
	return files, nil
}

func partOf(file string) *part {
	for i, p := range parts {
		for _, f := range p.found {
			if strings.HasPrefix(file, f) {
				return &parts[i]
			}
		}
	}
	if strings.HasSuffix(file, ".squashfs") {
		return &parts[2]
	}
	return nil
}

// link names an object.
type link struct {
	Type string `json:"type"`
	Path string `json:"path"`
	ETag string `json:"etag"`
}

// manifest lists an image's objects.
type manifest struct {
	Version   string     `json:"version"`
	Created   string     `json:"created"`
	Artifacts []artifact `json:"artifacts"`
}

type artifact struct {
	Type string `json:"type"`
	MD5  string `json:"md5"`
	Link link   `json:"link"`
}

// uploaded is what a session template needs to know of an image.
type uploaded struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Path string `json:"path"`
	ETag string `json:"etag"`
	// Root are the kernel parameters by which a node finds this root file
	// system and no other: rd.live.etag is what its store has to answer.
	Root string `json:"root"`
}

// rootParameters are the kernel parameters for a root file system.
func rootParameters(rootfs link) string {
	return "root=live:" + rootfs.Path + " rd.live.etag=" + rootfs.ETag
}

// newImage is what the Image Management Service makes a record from.
type newImage struct {
	Name     string      `json:"name"`
	Arch     string      `json:"arch"`
	Metadata *annotation `json:"metadata,omitempty"`
}

type annotation struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// uploadImage registers the image, uploads its files and the manifest, and
// links them. When something fails the record is removed again.
func (s *session) uploadImage(ctx context.Context, image newImage, files map[string]string) (*uploaded, error) {
	client, err := s.store(ctx)
	if err != nil {
		return nil, err
	}
	var record struct{ ID string }
	if err := s.call(ctx, "POST", "/apis/ims/v3/images", image, &record); err != nil {
		return nil, err
	}
	out := &uploaded{ID: record.ID, Name: image.Name}
	if err := s.fillImage(ctx, client, out, files); err != nil {
		clean := context.WithoutCancel(ctx)
		return nil, errors.Join(err, s.call(clean, "DELETE", "/apis/ims/v3/images/"+out.ID, nil, nil))
	}
	return out, nil
}

func (s *session) fillImage(ctx context.Context, client *minio.Client, image *uploaded, files map[string]string) error {
	m := manifest{Version: "1.0", Created: time.Now().UTC().Format(time.DateTime)}
	for _, p := range parts {
		path, ok := files[p.name]
		if !ok {
			continue
		}
		key := image.ID + "/" + p.name
		o, err := upload(ctx, client, imageBucket, key, path, nil)
		if err != nil {
			return storeError(err)
		}
		stored := link{Type: "s3", Path: "s3://" + imageBucket + "/" + key, ETag: o.ETag}
		m.Artifacts = append(m.Artifacts, artifact{Type: p.mime, MD5: o.MD5, Link: stored})
		if p.name == "rootfs" {
			image.Root = rootParameters(stored)
		}
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	key := image.ID + "/manifest.json"
	info, err := client.PutObject(ctx, imageBucket, key, strings.NewReader(string(text)), int64(len(text)),
		minio.PutObjectOptions{ContentType: "application/json"})
	if err != nil {
		return storeError(err)
	}
	image.Path, image.ETag = "s3://"+imageBucket+"/"+key, info.ETag
	return s.call(ctx, "PATCH", "/apis/ims/v3/images/"+image.ID,
		map[string]any{"link": link{Type: "s3", Path: image.Path, ETag: image.ETag}}, nil)
}
