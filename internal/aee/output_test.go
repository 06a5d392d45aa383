package aee

import (
	"bytes"
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
		if exit := Command(nil).Main(t.Context(), c.args, &out, &out); exit != c.exit || !strings.Contains(out.String(), c.says) {
			t.Errorf("%q: exit %d, %q; expected %d, %q", c.args, exit, &out, c.exit, c.says)
		}
	}
}
