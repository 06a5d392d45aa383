package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/image"
)

// buildOptions are those of `images build`.
type buildOptions struct {
	name, variant, output string
	spec                  image.Spec
	builder               image.Builder
}

func (a *app) buildImage() *cobra.Command {
	var o buildOptions
	cmd := a.verb("build", "Build an image from Debian packages and register it", noArguments,
		func(cmd *cobra.Command, g *globals, _ []string) error {
			if o.name == "" && o.output == "" {
				return usageError("Missing option '--name'.")
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return a.build(ctx, g, &o)
		})
	cmd.Long = "Build a boot image of Debian packages, with SSH, Python and Drover's reporter, and register it with the Image\n" +
		"Management Service; with --output, only write its files.\n\n" +
		"busybox boots in seconds with 384 MB of memory; systemd is what sites run, by dracut, with 1 GB."
	f := cmd.Flags()
	f.StringVar(&o.name, "name", "", "name of the image")
	f.StringVar(&o.variant, "variant", string(image.Busybox), "busybox or systemd")
	f.StringVar(&o.spec.Suite, "suite", image.DefaultSuite, "release of Debian")
	f.StringVar(&o.spec.Mirror, "mirror", "", "URL of the Debian archive; what this machine uses, or deb.debian.org")
	f.StringArrayVar(&o.spec.Packages, "package", nil, "a further package; repeat for more")
	f.StringVar(&o.spec.Reporter, "reporter", "", "static binary of drover for the nodes; this one")
	f.StringVar(&o.builder.Cache, "cache", "", "folder for what was built; ~/.cache/drover/images")
	f.BoolVar(&o.builder.Refresh, "refresh", false, "ask the archive anew")
	f.StringVar(&o.output, "output", "", "write the files into this folder and register nothing")
	return cmd
}

// build builds the image, then writes it where it was asked for.
func (a *app) build(ctx context.Context, g *globals, o *buildOptions) error {
	o.spec.Variant = image.Variant(o.variant)
	if o.spec.Reporter == "" {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		o.spec.Reporter = self
	}
	if o.builder.Cache == "" {
		o.builder.Cache = image.DefaultCache(a.Getenv)
	}
	var s *session
	asked := g.format != ""
	if o.output == "" { // what keeps the image from being registered is to be known before the work is done
		var err error
		if s, err = a.open(g); err != nil {
			return err
		}
		if _, err = s.store(ctx); err != nil {
			return err
		}
	}
	o.builder.Progress = a.progress
	built, err := o.builder.Build(ctx, o.spec)
	if err != nil {
		return err
	}
	if o.output != "" {
		return a.writeImage(built, o.output)
	}
	image, err := s.registerImage(ctx, o.name, built)
	if err != nil {
		return err
	}
	return s.printImage(image, asked)
}

func (a *app) progress(step string, took time.Duration) {
	fmt.Fprintf(a.Stderr, "%6.1f s  %s\n", took.Seconds(), step)
}

// writeImage copies the image's files.
func (a *app) writeImage(built *image.Image, output string) error {
	if err := os.MkdirAll(output, 0o755); err != nil {
		return err
	}
	for _, name := range append([]string{"image.json"}, image.Files...) {
		if err := copyFile(filepath.Join(built.Dir, name), filepath.Join(output, name)); err != nil {
			return err
		}
	}
	fmt.Fprintf(a.Stdout, "image     %s\ncontent   %s\n", output, built.Content)
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	return out.Close()
}

// contentKey is the annotation of built images: the hash of what they were
// made of.
const contentKey = "drover_content"

// registerImage registers a built image, unless one of that name and content
// is there with all its objects.
func (s *session) registerImage(ctx context.Context, name string, built *image.Image) (*uploaded, error) {
	found, err := s.registered(ctx, name, built.Content)
	if err != nil {
		return nil, err
	}
	if found != nil {
		fmt.Fprintln(s.app.Stderr, "          the image is registered already")
		return found, nil
	}
	start := time.Now()
	files := map[string]string{}
	for _, p := range parts {
		files[p.name] = filepath.Join(built.Dir, p.name)
	}
	out, err := s.uploadImage(ctx, newImage{Name: name, Arch: "x86_64",
		Metadata: &annotation{Key: contentKey, Value: built.Content}}, files)
	if err == nil {
		s.app.progress("upload", time.Since(start))
	}
	return out, err
}

// registered looks for the image of the name and content whose manifest and
// objects are in the store as they were uploaded; nil if there is none.
func (s *session) registered(ctx context.Context, name, content string) (*uploaded, error) {
	var list []struct {
		ID, Name string
		Link     *link
		Metadata map[string]string
	}
	if err := s.get(ctx, "/apis/ims/v3/images", &list); err != nil {
		return nil, err
	}
	client, err := s.store(ctx)
	if err != nil {
		return nil, err
	}
	for _, i := range list {
		if i.Name != name || i.Metadata[contentKey] != content || i.Link == nil {
			continue
		}
		out := &uploaded{ID: i.ID, Name: i.Name, Path: i.Link.Path, ETag: i.Link.ETag}
		if out.Root = intact(ctx, client, *i.Link); out.Root != "" {
			return out, nil
		}
	}
	return nil, nil
}

// intact returns the kernel parameters for the root file system of the
// manifest, or nothing if an object is missing or another one.
func intact(ctx context.Context, client *minio.Client, l link) string {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(l.Path, "s3://"), "/")
	object, err := client.GetObject(ctx, bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return ""
	}
	defer object.Close()
	var m manifest
	if json.NewDecoder(io.LimitReader(object, 1<<20)).Decode(&m) != nil {
		return ""
	}
	root := ""
	for _, a := range m.Artifacts {
		bucket, key, _ := strings.Cut(strings.TrimPrefix(a.Link.Path, "s3://"), "/")
		info, err := client.StatObject(ctx, bucket, key, minio.StatObjectOptions{})
		if err != nil || info.ETag != a.Link.ETag {
			return ""
		}
		if a.Type == parts[2].mime {
			root = rootParameters(a.Link)
		}
	}
	return root
}
