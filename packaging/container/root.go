package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"
)

// The user that drover runs as, and whose the data directory is.
const (
	userID   = 10001
	userName = "drover"
	dataDir  = "var/lib/drover"
)

// added are lines at the end of files of Debian.
var added = map[string]string{
	"etc/passwd": fmt.Sprintf("%s:x:%d:%d:Drover:/%s:/usr/sbin/nologin\n", userName, userID, userID, dataDir),
	"etc/group":  fmt.Sprintf("%s:x:%d:\n", userName, userID),
	"etc/shadow": userName + ":!:1::::::\n",
}

// replaced are files that tell of the machine that the image was made on.
var replaced = map[string]func(suite string) string{
	"etc/apt/sources.list": func(suite string) string {
		return fmt.Sprintf("deb http://deb.debian.org/debian %s main\ndeb http://deb.debian.org/debian-security %s-security main\n", suite, suite)
	},
}

// unwanted are what no container needs or what differs from one build to the next.
func unwanted(name string) bool {
	for _, folder := range []string{"dev/", "proc/", "sys/", "run/", "tmp/", "var/cache/apt/", "var/cache/ldconfig/", "var/lib/apt/lists/", "var/log/", "etc/apt/sources.list.d/"} {
		if strings.HasPrefix(name, folder) {
			return true
		}
	}
	switch name {
	case "etc/hostname", "etc/resolv.conf", "etc/machine-id", "var/lib/dbus/machine-id":
		return true
	}
	return strings.HasPrefix(name, "etc/ssh/ssh_host_") ||
		strings.HasPrefix(name, "var/") && (strings.HasSuffix(name, "-old") || strings.HasSuffix(name, "/lock") || strings.HasSuffix(name, "/lock-frontend"))
}

// debian copies a root file system as the image has it, and returns dpkg's list of
// packages.
func debian(r io.Reader, w io.Writer, suite string, epoch time.Time) (status []byte, err error) {
	in, out := tar.NewReader(r), tar.NewWriter(w)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read the root file system: %w", err)
		}
		name := strings.TrimPrefix(path.Clean(h.Name), "/")
		if name == "." || unwanted(name) {
			continue
		}
		var content io.Reader = in
		text, fixed := changed(name, suite)
		if fixed || added[name] != "" || name == "var/lib/dpkg/status" {
			was, err := io.ReadAll(in)
			if err != nil {
				return nil, err
			}
			if name == "var/lib/dpkg/status" {
				status = was
			}
			if !fixed {
				text = string(was) + added[name]
			}
			h.Size, content = int64(len(text)), strings.NewReader(text)
		}
		if err := write(out, h, name, epoch, content); err != nil {
			return nil, fmt.Errorf("write %s: %w", name, err)
		}
	}
	if len(status) == 0 {
		return nil, errors.New("the root file system has no list of packages (var/lib/dpkg/status)")
	}
	return status, out.Close()
}

func changed(name, suite string) (text string, is bool) {
	if f := replaced[name]; f != nil {
		return f(suite), true
	}
	return "", false
}

// write writes an entry with nothing in its header that another build would not have.
func write(out *tar.Writer, h *tar.Header, name string, epoch time.Time, content io.Reader) error {
	h.Name = name
	if h.Typeflag == tar.TypeDir {
		h.Name += "/"
	}
	if h.ModTime.After(epoch) {
		h.ModTime = epoch
	}
	h.ModTime = h.ModTime.Truncate(time.Second)
	h.AccessTime, h.ChangeTime, h.Format = time.Time{}, time.Time{}, tar.FormatPAX
	for key := range h.PAXRecords {
		if !strings.HasPrefix(key, "SCHILY.xattr.") {
			delete(h.PAXRecords, key)
		}
	}
	if err := out.WriteHeader(h); err != nil {
		return err
	}
	_, err := io.Copy(out, content)
	return err
}

// file is one of what drover brings.
type file struct {
	name    string
	mode    int64
	content []byte
	link    string // of a link
	owner   int
}

// bundle is an archive of files; a name that ends with / is a folder.
func bundle(files []file, epoch time.Time) ([]byte, error) {
	var buf bytes.Buffer
	out := tar.NewWriter(&buf)
	for _, f := range files {
		h := &tar.Header{Typeflag: tar.TypeReg, Mode: f.mode, Size: int64(len(f.content)), Uid: f.owner, Gid: f.owner, ModTime: epoch}
		switch {
		case f.link != "":
			h.Typeflag, h.Linkname = tar.TypeSymlink, f.link
		case strings.HasSuffix(f.name, "/"):
			h.Typeflag = tar.TypeDir
		}
		if err := write(out, h, strings.TrimSuffix(f.name, "/"), epoch, bytes.NewReader(f.content)); err != nil {
			return nil, fmt.Errorf("write %s: %w", f.name, err)
		}
	}
	err := out.Close()
	return buf.Bytes(), err
}
