package job

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLogIsBoundedAndKeepsTheEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	const bound = 1000
	l, err := openLog(path, bound)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if _, err := l.Write([]byte(strings.Repeat("x", 99) + "\n")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Write([]byte("the end\n")); err != nil {
		t.Fatal(err)
	}
	l.Close()
	size := int64(0)
	for _, p := range []string{path, path + ".1"} {
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if size > bound || size < bound/2 {
		t.Errorf("%d bytes kept, expected at most %d and at least half of that", size, bound)
	}
	if tail := Tail(path, 8); tail != "the end\n" {
		t.Errorf("the log ends with %q", tail)
	}
}
