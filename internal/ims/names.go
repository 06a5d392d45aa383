package ims

import (
	"cmp"
	"strings"
)

// Names are the names of images by the folder of their manifest.
type Names map[string]string

// Add has the image whose manifest is at path known by name.
func (n Names) Add(path, name string) { n[folder(path)] = name }

// Of is the name of the image whose kernel is there, "" for none. One without a name is told
// by the last part of its folder, which for images of IMS is the ID.
func (n Names) Of(kernel string) string {
	if kernel == "" {
		return ""
	}
	at := folder(kernel)
	if name, ok := n[at]; ok {
		return name
	}
	return cmp.Or(at[strings.LastIndexByte(at, '/')+1:], kernel)
}

// folder is a path without its last part.
func folder(path string) string { return path[:max(strings.LastIndexByte(path, '/'), 0)] }
