package kubetest

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// pauseProgram waits to be ended, and buries what is left to it.
const pauseProgram = `package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ends := make(chan os.Signal, 1)
	signal.Notify(ends, syscall.SIGTERM, syscall.SIGINT)
	dead := make(chan os.Signal, 16)
	signal.Notify(dead, syscall.SIGCHLD)
	for {
		select {
		case <-ends:
			return
		case <-dead:
			for {
				if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
					break
				}
			}
		}
	}
}
`

// importPause makes that image, as there is no registry, and brings it to the node.
func (c *Cluster) importPause() {
	c.t.Helper()
	source := c.write("pause.go", pauseProgram)
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", c.path("pause"), source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	if out, err := build.CombinedOutput(); err != nil {
		c.t.Fatalf("build the pause program: %v\n%s", err, out)
	}
	program, err := os.ReadFile(c.path("pause"))
	if err != nil {
		c.t.Fatal(err)
	}
	layer := archive(map[string][]byte{"pause": program})
	sum := sha256.Sum256(layer)
	config, err := json.Marshal(map[string]any{"architecture": runtime.GOARCH, "os": "linux", "config": map[string]any{"Entrypoint": []string{"/pause"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(sum[:])}}})
	if err != nil {
		c.t.Fatal(err)
	}
	manifest, err := json.Marshal([]map[string]any{{"Config": "config.json", "RepoTags": []string{pause}, "Layers": []string{"layer.tar"}}})
	if err != nil {
		c.t.Fatal(err)
	}
	file := filepath.Join(c.dir, "pause.tar")
	if err := os.WriteFile(file, archive(map[string][]byte{"config.json": config, "layer.tar": layer, "manifest.json": manifest}), 0o600); err != nil {
		c.t.Fatal(err)
	}
	c.Import(file)
}

// archive is a tar of the files, which all may be run. What goes to memory goes well.
func archive(files map[string][]byte) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for name, text := range files {
		w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text))}) //nolint:errcheck
		w.Write(text)                                                               //nolint:errcheck
	}
	w.Close() //nolint:errcheck
	return out.Bytes()
}
