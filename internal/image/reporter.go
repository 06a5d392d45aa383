package image

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

// CheckReporter tells why the file does not run on a node, where there may be no
// library that it was linked with; nil: it does.
func CheckReporter(path string) error {
	_, err := reporterDigest(path)
	return err
}

// reporterDigest checks the file as CheckReporter does and returns the hash of
// its content.
func reporterDigest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	binary, err := elf.NewFile(f)
	if err != nil {
		return "", fmt.Errorf("%s is no Linux program: %w", path, err)
	}
	if binary.Machine != elf.EM_X86_64 {
		return "", fmt.Errorf("%s is for %v, and nodes are amd64", path, binary.Machine)
	}
	for _, p := range binary.Progs {
		if p.Type == elf.PT_INTERP {
			return "", fmt.Errorf("%s is linked dynamically and would need the libraries of this machine", path)
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
