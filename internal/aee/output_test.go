package aee

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFailedTask(t *testing.T) {
	for name, c := range map[string]struct{ output, want string }{
		"none":    {"PLAY [all] ***\nTASK [one] ***\n", ""},
		"ignored": {"TASK [one] ***\nfatal: [a]: FAILED! => {}\n...ignoring\nTASK [two] ***\n", ""},
		"behind an ignored one": {"TASK [one] ***\nfatal: [a]: FAILED! => {}\n...ignoring\nTASK [two] ***\nfatal: [b]: FAILED! => {}\n",
			"TASK [two] fatal: [b]: FAILED! => {}"},
		"several hosts": {"TASK [one] ***\nfatal: [a]: FAILED!\nfatal: [b]: UNREACHABLE!\nTASK [two] ***\nfatal: [c]: FAILED!\n",
			"TASK [one] fatal: [a]: FAILED! (and 1 more hosts)"},
		"of the last layer": {layerMark + "0\nTASK [one] ***\nfatal: [a]: FAILED!\nPLAY RECAP ***\n" + layerMark + "1\nPLAY [x] ***\nTASK [two] ***\nfatal: [b]: FAILED!\n",
			"TASK [two] fatal: [b]: FAILED!"},
	} {
		if got := failedTask(c.output); got != c.want {
			t.Errorf("%s: %q, expected %q", name, got, c.want)
		}
	}
}

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
	if tail := readTail(path, 8); tail != "the end\n" {
		t.Errorf("the log ends with %q", tail)
	}
}

func TestUsage(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		args []string
		exit int
		says string
	}{
		{nil, 2, "usage: drover aee"},
		{[]string{"clone"}, 2, "usage: drover aee"},
		{[]string{"clone", "--dir", dir}, 2, "usage: drover aee"},
		{[]string{"clone", "--job", dir + "/none"}, 2, "no job directory"},
		{[]string{"build", "--job", dir}, 2, `no step "build"`},
		{[]string{"clone", "--job", dir}, 1, "job.json"},
		{[]string{"--help"}, 0, "usage: drover aee"},
	} {
		var out bytes.Buffer
		if exit := Run(t.Context(), nil, c.args, &out, &out); exit != c.exit || !strings.Contains(out.String(), c.says) {
			t.Errorf("%q: exit %d, %q; expected %d, %q", c.args, exit, &out, c.exit, c.says)
		}
	}
}
