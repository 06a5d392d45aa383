package aee

import (
	"bytes"
	"strings"
	"testing"
)

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
