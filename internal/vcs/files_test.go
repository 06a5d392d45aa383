package vcs

import (
	"os"
	"path/filepath"
	"testing"
)

func TestRepositoriesOfThisMachineAreThoseInTheRoots(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"roots/a", "other"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../other", filepath.Join(dir, "roots/link")); err != nil {
		t.Fatal(err)
	}
	f := Files{Roots: []string{dir + "/roots"}}
	for url, good := range map[string]bool{
		"https://git/x": true, "http://git/x": true, "ssh://git/x": true, "git://git/x": true, "git@host:x/y": true,
		dir + "/roots/a": true, "file://" + dir + "/roots/a": true, "file://" + dir + "/%72oots/a": true, "FILE://" + dir + "/roots/a": true,
		dir + "/roots/none": true, dir + "/roots/../other": false, "file://" + dir + "/roots/%2e%2e/other": false,
		dir + "/roots/link": false, dir + "/rootsy": false, "/": false, "file:///etc": false, "file://etc": false,
		"ext::sh -c id": false, "ext://x": false, "fd::3": false, "other": false, "../other": false, "ftp://x/y": false,
	} {
		if err := f.Check(url); (err == nil) != good {
			t.Errorf("%s: %v", url, err)
		}
	}
	f.Own, f.Owner = true, os.Geteuid()
	if err := f.Check(dir + "/other"); err != nil {
		t.Error(err)
	}
	f.Owner++
	if err := f.Check(dir + "/other"); err == nil {
		t.Error("another's repository may be used")
	}
}
