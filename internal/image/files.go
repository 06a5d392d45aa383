package image

import (
	"bytes"
	"embed"
	"io/fs"
	"strings"
)

// embedded are the scripts and settings of images. What begins with #! is
// executable.
//
//	files/initrd           the initial ram disk of the busybox variant
//	files/base/VARIANT     run, or put into the tree, while the base is made
//	files/rootfs/common    the root file system, and what a variant adds
//	files/rootfs/VARIANT
//
//go:embed all:files
var embedded embed.FS

// file is an entry of an archive, owned by root.
type file struct {
	path    string // without leading slash
	content []byte
	mode    fs.FileMode
	link    string // what a symbolic link leads to
	source  string // a file of the host that has the content
}

// tree reads a folder of the embedded files, sorted by path. One that does not
// exist is empty.
func tree(folder string) []file {
	var out []file
	fs.WalkDir(embedded, folder, func(path string, d fs.DirEntry, err error) error { //nolint:errcheck // embedded files do not fail
		if err != nil || d.IsDir() {
			return err
		}
		content, err := embedded.ReadFile(path)
		mode := fs.FileMode(0o644)
		if bytes.HasPrefix(content, []byte("#!")) {
			mode = 0o755
		}
		out = append(out, file{path: strings.TrimPrefix(path, folder+"/"), content: content, mode: mode})
		return err
	})
	return out
}

func initrdFiles() []file        { return tree("files/initrd") }
func baseFiles(v Variant) []file { return tree("files/base/" + string(v)) }

// rootFiles are put over the base, the reporter excepted.
func rootFiles(v Variant) []file {
	list := append(tree("files/rootfs/common"), tree("files/rootfs/"+string(v))...)
	if v != Busybox {
		return list
	}
	for _, f := range initrdFiles() {
		if f.path == "lib/drover/dhcp" { // the same client goes on
			f.path = "usr/lib/drover/dhcp"
			list = append(list, f)
		}
	}
	for _, name := range []string{"init", "halt", "poweroff", "reboot"} {
		list = append(list, file{path: "usr/sbin/" + name, link: "/usr/bin/busybox"})
	}
	return list
}

// digestOf is a hash of the files.
func digestOf(files []file) string {
	var parts []any
	for _, f := range files {
		parts = append(parts, f.path, f.content, f.mode, f.link)
	}
	return keyOf(parts...)
}
