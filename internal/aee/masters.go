package aee

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// maxControlDir is the longest directory whose SSH sockets still have legal
// names: 108 bytes less Ansible's name, ssh's temporary suffix and the ends.
const maxControlDir = 75

// controlDir is the directory of the job's SSH master sockets: cp in the job's
// directory, or a short one elsewhere that the file cp.path names.
func controlDir(d Dir) (string, error) {
	if dir := findControlDir(d); dir != "" {
		return dir, nil
	}
	dir := d.Path("cp")
	if len(dir) <= maxControlDir {
		return dir, os.MkdirAll(dir, 0o700)
	}
	dir, err := os.MkdirTemp("", "drover-cp-")
	if err != nil {
		return "", fmt.Errorf("create the directory of SSH sockets: %w", err)
	}
	return dir, os.WriteFile(d.Path("cp.path"), []byte(dir), 0o600)
}

func findControlDir(d Dir) string {
	if text, err := os.ReadFile(d.Path("cp.path")); err == nil {
		return strings.TrimSpace(string(text))
	}
	if _, err := os.Stat(d.Path("cp")); err == nil {
		return d.Path("cp")
	}
	return ""
}

// EndMasters ends the job's SSH masters, which would otherwise keep their
// connections for a minute, and removes their directory.
func EndMasters(d Dir) {
	dir := findControlDir(d)
	if dir == "" {
		return
	}
	sockets, _ := os.ReadDir(dir)
	for _, s := range sockets {
		endMaster(filepath.Join(dir, s.Name()))
	}
	os.RemoveAll(dir)
	os.Remove(d.Path("cp.path"))
}

// endMaster speaks OpenSSH's multiplexing protocol (PROTOCOL.mux): hello of
// version 4 in both directions, then the request to terminate. It is what
// "ssh -O exit" does, without a process for each node. A master that does not
// answer ends by itself.
func endMaster(socket string) {
	const hello, terminate, version = 0x00000001, 0x10000005, 4
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Second)) //nolint:errcheck // a master that hangs ends by itself
	for _, message := range [][2]uint32{{hello, version}, {terminate, 0}} {
		frame := binary.BigEndian.AppendUint32(nil, 8)
		frame = binary.BigEndian.AppendUint32(frame, message[0])
		frame = binary.BigEndian.AppendUint32(frame, message[1])
		if _, err := conn.Write(frame); err != nil {
			return
		}
	}
	io.Copy(io.Discard, conn) //nolint:errcheck // until the master closes
}
