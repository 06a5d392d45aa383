package image

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"io"
	"os"

	"github.com/drover-hpc/drover/internal/fault"
)

// reporterDigest checks that the file runs on a node, where there may be no
// library that it was linked with, and returns the hash of its content.
func reporterDigest(path string) (string, error) {
	const advice = "build Drover with CGO_ENABLED=0 (`make build`), or name such a binary with --reporter"
	f, err := os.Open(path)
	if err != nil {
		return "", fault.New(fault.Invalid, "the node's reporter: %w", err)
	}
	defer f.Close()
	binary, err := elf.NewFile(f)
	if err != nil {
		return "", fault.New(fault.Invalid, "the node's reporter: %s is no Linux program (%w); %s", path, err, advice)
	}
	if binary.Machine != elf.EM_X86_64 {
		return "", fault.New(fault.Invalid, "the node's reporter: %s is for %v, and nodes are amd64; %s", path, binary.Machine, advice)
	}
	for _, p := range binary.Progs {
		if p.Type == elf.PT_INTERP {
			return "", fault.New(fault.Invalid, "the node's reporter: %s is linked dynamically and would need the libraries of this machine; %s", path, advice)
		}
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
