package cli

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const changeOfSite = `{"name": "site", "components": ["x1c0s0b0n0", "x1c0s1b0n0", "x1c0s2b0n0"], "reconfigure": ["x1c0s0b0n0", "x1c0s1b0n0"], "disabled": ["x1c0s2b0n0"],
	"layers": [{"name": "base", "clone_url": "https://git/base.git", "playbook": "site.yml", "from": "11111111111111", "to": "22222222222222"},
		{"clone_url": "https://git/net.git", "playbook": "net.yml", "to": "33333333333333"}, {"clone_url": "https://git/old.git", "playbook": "old.yml", "from": "44444444444444"}]}`

const changeOfSiteInWords = `configuration site is that of 3 nodes (x1c0s[0-2]b0n0)
  layer  base site.yml: 1111111111 -> 2222222222
  layer  net net.yml: new, at 3333333333
  layer  old old.yml: goes
CFS configures 2 nodes (x1c0s[0-1]b0n0) by itself because of this
not enabled in CFS, and so let be: x1c0s2b0n0
`

func TestAChangeOfAConfigurationIsForetold(t *testing.T) {
	file := filepath.Join(t.TempDir(), "site.json")
	former := filepath.Join(t.TempDir(), "former.json")
	for path, text := range map[string]string{file: `{"layers":[]}`, former: `{"layers":[{"cloneUrl":"u"}]}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const asked = `POST /apis/drover/v1/configurations/site?dry_run=true`
	for line, want := range map[string]struct {
		plan, stderr, out string
		calls             []string
		code              int
	}{
		"drover cfs v3 configurations update site --file FILE":                 {plan: changeOfSite, stderr: changeOfSiteInWords, calls: []string{asked + ` {"layers":[]}`, `PUT /apis/cfs/v3/configurations/site {"layers":[]}`}},
		"drover cfs v3 configurations update site --update-branches":           {plan: changeOfSite, stderr: changeOfSiteInWords, calls: []string{asked, "PATCH /apis/cfs/v3/configurations/site"}},
		"drover cfs configurations update site --file FILE --dry-run":          {plan: changeOfSite, out: changeOfSiteInWords, calls: []string{asked + ` {"layers":[]}`}},
		"drover cfs v3 configurations update site --file FILE --yes":           {plan: `{"name": "site", "components": []}`, calls: []string{asked + ` {"layers":[]}`, `PUT /apis/cfs/v3/configurations/site {"layers":[]}`}},
		"drover cfs v3 configurations update site --file FILE --dry-run":       {plan: `{"name": "site", "components": []}`, out: "No node would be touched.\n", calls: []string{asked + ` {"layers":[]}`}},
		"drover cfs v3 configurations update none --file FILE":                 {calls: []string{strings.ReplaceAll(asked, "site", "none") + ` {"layers":[]}`, `PUT /apis/cfs/v3/configurations/none {"layers":[]}`}},
		"drover cfs v3 configurations update none --update-branches --dry-run": {code: 2, calls: []string{strings.ReplaceAll(asked, "site", "none")}, stderr: "404"},
		"drover cfs v3 configurations update site --update-branches --dry-run --format json": {plan: `{"name": "site", "components": ["x1c0s0b0n0"]}`,
			out: "{\n  \"name\": \"site\",\n  \"components\": [\n    \"x1c0s0b0n0\"\n  ]\n}\n", calls: []string{asked}},
		"cray cfs v3 configurations update site --file FILE": {plan: changeOfSite, calls: []string{`PUT /apis/cfs/v3/configurations/site {"layers":[]}`}},
	} {
		b := newBench(t)
		b.answer = func(w http.ResponseWriter, r *http.Request, _ string) {
			switch {
			case r.Method != http.MethodPost:
				io.WriteString(w, "{}")
			case want.plan == "":
				http.Error(w, `{"status": 404, "title": "404 nothing there"}`, http.StatusNotFound)
			default:
				io.WriteString(w, want.plan)
			}
		}
		code, out, stderr := b.run(typed(strings.NewReplacer("FILE", file, "FORMER", former).Replace(line))...)
		if code != want.code || !slices.Equal(b.calls, want.calls) || want.out != "" && out != want.out || !strings.Contains(stderr, want.stderr) || want.stderr == "" && stderr != "" {
			t.Errorf("%s: exit %d\n%s\n%s\n%q", line, code, out, stderr, b.calls)
		}
	}
}
