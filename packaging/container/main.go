package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "container:", err)
		os.Exit(1)
	}
}

func run() error {
	var s spec
	var out string
	flag.StringVar(&s.binary, "binary", "bin/drover", "the static program")
	flag.StringVar(&s.root, "root", "", "archive of a Debian that root.sh has made; without it one is made")
	flag.StringVar(&s.suite, "suite", "bookworm", "release of Debian")
	flag.StringVar(&s.arch, "arch", runtime.GOARCH, "architecture of program and Debian")
	flag.StringVar(&s.repository, "repository", "drover.local/drover", "name of the image, without its tag")
	flag.StringVar(&s.version, "version", "devel", "version of the program, and tag")
	flag.StringVar(&s.revision, "revision", "", "commit that the program was built of")
	flag.StringVar(&s.from, "source", "https://github.com/drover-hpc/drover", "where the sources are")
	script := flag.String("script", "./root.sh", "the program that makes the Debian")
	flag.StringVar(&out, "out", "bin/container", "directory that gets drover.tar, oci/ and sbom.cdx.json")
	flag.Parse()
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: expected seconds since 1970, got %q", os.Getenv("SOURCE_DATE_EPOCH"))
	}
	s.epoch = time.Unix(seconds, 0)
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(out, "making-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if s.root == "" {
		s.root = filepath.Join(dir, "root.tar")
		cmd := exec.Command(*script, s.suite, s.arch, s.root)
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("make the root file system: %w", err)
		}
	}
	m, err := s.make(dir)
	if err != nil {
		return err
	}
	if err := s.save(m, out); err != nil {
		return err
	}
	return say(m.image, &s)
}

// say prints what was made.
func say(image v1.Image, s *spec) error {
	digest, err := image.Digest()
	if err != nil {
		return err
	}
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	size := int64(0)
	for _, l := range layers {
		n, err := l.Size()
		if err != nil {
			return err
		}
		size += n
	}
	fmt.Printf("%s:%s %s, %d MB packed\n", s.repository, s.version, digest, size/1_000_000)
	return nil
}
