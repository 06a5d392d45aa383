package ims

import (
	"bytes"
	"encoding/json"

	"github.com/drover-hpc/drover/internal/fault"
)

// MaxManifest is the size of a manifest above which nobody reads it.
const MaxManifest = 1 << 20

// The types of artifacts.
const (
	RootfsType     = "application/vnd.cray.image.rootfs.squashfs"
	KernelType     = "application/vnd.cray.image.kernel"
	InitrdType     = "application/vnd.cray.image.initrd"
	ParametersType = "application/vnd.cray.image.parameters.boot"

	manifestType = "application/vnd.cray.image.manifest"
)

// Manifest lists what an image consists of.
type Manifest struct {
	Version   string     `json:"version"`
	Created   string     `json:"created,omitempty"`
	Artifacts []Artifact `json:"artifacts"`
}

// Artifact is a part of an image.
type Artifact struct {
	Type string `json:"type"`
	MD5  string `json:"md5,omitempty"`
	Link *Link  `json:"link"`
}

// ReadManifest decodes a manifest and checks all of it but the existence of
// what it names.
func ReadManifest(path string, data []byte) (Manifest, error) {
	var m Manifest
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return m, fault.New(fault.Invalid, "manifest %s is no JSON object", path)
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fault.New(fault.Invalid, "manifest %s cannot be read: %w", path, err)
	}
	if m.Version != "1.0" {
		return m, fault.New(fault.Invalid, "manifest %s has version '%s': expected '1.0'", path, m.Version)
	}
	roots := 0
	for i, a := range m.Artifacts {
		if a.Link == nil || a.Link.Type != LinkS3 || a.Link.Path == "" {
			return m, fault.New(fault.Invalid, "manifest %s: artifact %d (%s) has no link of type s3", path, i, a.Type)
		}
		if a.Type == RootfsType {
			roots++
		}
	}
	if roots != 1 {
		return m, fault.New(fault.Invalid, "manifest %s has %d artifacts of type %s: expected exactly one", path, roots, RootfsType)
	}
	return m, nil
}

// LinkS3 is the type of links to objects in S3.
const LinkS3 = "s3"

// Text is the manifest as it is kept.
func (m Manifest) Text() ([]byte, error) { return json.MarshalIndent(m, "", "  ") }
