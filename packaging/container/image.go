package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// spec is what an image is made of.
type spec struct {
	root, binary            string // files: the archive of Debian, the program
	suite, arch             string
	repository              string // such as drover.local/drover
	version, revision, from string
	epoch                   time.Time
}

// made is an image and what is inside.
type made struct {
	image v1.Image
	sbom  []byte
}

// make makes the image. What it unpacks is in dir, for as long as the image is read.
func (s *spec) make(dir string) (*made, error) {
	base, status, err := s.base(dir)
	if err != nil {
		return nil, err
	}
	sbom, err := inventory(s.binary, status, s.version, s.epoch)
	if err != nil {
		return nil, err
	}
	own, err := s.own(sbom)
	if err != nil {
		return nil, err
	}
	created := v1.Time{Time: s.epoch.UTC()}
	image, err := mutate.Append(mutate.MediaType(mutate.ConfigMediaType(empty.Image, types.OCIConfigJSON), types.OCIManifestSchema1),
		mutate.Addendum{Layer: base, History: v1.History{Created: created, CreatedBy: "mmdebstrap " + s.suite}},
		mutate.Addendum{Layer: own, History: v1.History{Created: created, CreatedBy: "drover " + s.version}})
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	s.configure(config)
	image, err = mutate.ConfigFile(image, config)
	return &made{image: image, sbom: sbom}, err
}

// configure says how a container is started. Without OS and architecture,
// containerd takes the image for none.
func (s *spec) configure(c *v1.ConfigFile) {
	c.OS, c.Architecture, c.Created, c.Author = "linux", s.arch, v1.Time{Time: s.epoch.UTC()}, "Drover"
	c.Config = v1.Config{
		Entrypoint: []string{"/usr/local/bin/drover"},
		User:       fmt.Sprintf("%d:%d", userID, userID),
		WorkingDir: "/" + dataDir,
		Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/" + dataDir,
			"DROVER_DATA=/" + dataDir, "LANG=C.UTF-8"},
		Volumes:      map[string]struct{}{"/" + dataDir: {}},
		ExposedPorts: map[string]struct{}{"8080/tcp": {}, "8081/tcp": {}, "8083/tcp": {}},
		StopSignal:   "SIGTERM",
		Labels: map[string]string{
			"org.opencontainers.image.title":       "drover",
			"org.opencontainers.image.description": "Boots and configures clusters: BOS, CFS and the services below them in one program",
			"org.opencontainers.image.version":     s.version,
			"org.opencontainers.image.revision":    s.revision,
			"org.opencontainers.image.created":     s.epoch.UTC().Format(time.RFC3339),
			"org.opencontainers.image.source":      s.from,
			"org.opencontainers.image.base.name":   "debian:" + s.suite,
		},
	}
}

// base is the layer of Debian; it also returns dpkg's list.
func (s *spec) base(dir string) (v1.Layer, []byte, error) {
	in, err := os.Open(s.root)
	if err != nil {
		return nil, nil, err
	}
	defer in.Close()
	path := filepath.Join(dir, "debian.tar")
	out, err := os.Create(path)
	if err != nil {
		return nil, nil, err
	}
	status, err := debian(in, out, s.suite, s.epoch)
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, nil, err
	}
	layer, err := tarball.LayerFromFile(path, tarball.WithMediaType(types.OCILayer))
	return layer, status, err
}

// own is the layer of drover.
func (s *spec) own(sbom []byte) (v1.Layer, error) {
	program, err := os.ReadFile(s.binary)
	if err != nil {
		return nil, err
	}
	text, err := bundle([]file{
		{name: "usr/local/bin/drover", mode: 0o755, content: program},
		{name: "usr/local/bin/cray", mode: 0o777, link: "drover"},
		{name: "usr/share/doc/drover/", mode: 0o755},
		{name: "usr/share/doc/drover/sbom.cdx.json", mode: 0o644, content: sbom},
		{name: dataDir + "/", mode: 0o700, owner: userID},
	}, s.epoch)
	if err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }, tarball.WithMediaType(types.OCILayer))
}

// save writes the archive, the layout and the SBOM into dir, in place of what is there.
func (s *spec) save(m *made, dir string) error {
	tag, err := name.NewTag(s.repository + ":" + s.version)
	if err != nil {
		return err
	}
	if err := tarball.WriteToFile(filepath.Join(dir, "drover.tar"), tag, m.image); err != nil {
		return fmt.Errorf("write the docker archive: %w", err)
	}
	oci := filepath.Join(dir, "oci")
	if err := os.RemoveAll(oci); err != nil {
		return err
	}
	l, err := layout.Write(oci, empty.Index)
	if err == nil {
		err = l.AppendImage(m.image, layout.WithPlatform(v1.Platform{OS: "linux", Architecture: s.arch}),
			layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": s.version, "io.containerd.image.name": tag.Name()}))
	}
	if err != nil {
		return fmt.Errorf("write the OCI layout: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, "sbom.cdx.json"), m.sbom, 0o644)
}
