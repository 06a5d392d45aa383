package ims

import (
	"bytes"
	"encoding/json"

	"github.com/drover-hpc/drover/internal/fault"
)

// maxManifest is the size of a manifest above which nobody reads it.
const maxManifest = 1 << 20

// The types of artifacts that IMS itself tells apart.
const (
	rootfsType   = "application/vnd.cray.image.rootfs.squashfs"
	manifestType = "application/vnd.cray.image.manifest"
)

// manifest lists what an image consists of.
type manifest struct {
	Version   string     `json:"version"`
	Created   string     `json:"created,omitempty"`
	Artifacts []artifact `json:"artifacts"`
}

type artifact struct {
	Type string `json:"type"`
	MD5  string `json:"md5,omitempty"`
	Link *Link  `json:"link"`
}

// readManifest decodes a manifest and checks all of it but the existence of
// what it names.
func readManifest(path string, data []byte) (manifest, error) {
	var m manifest
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
		if a.Link == nil || a.Link.Type != s3Type || a.Link.Path == "" {
			return m, fault.New(fault.Invalid, "manifest %s: artifact %d (%s) has no link of type s3", path, i, a.Type)
		}
		if a.Type == rootfsType {
			roots++
		}
	}
	if roots != 1 {
		return m, fault.New(fault.Invalid, "manifest %s has %d artifacts of type %s: expected exactly one", path, roots, rootfsType)
	}
	return m, nil
}

// s3Type is the type of links to objects in S3.
const s3Type = "s3"
