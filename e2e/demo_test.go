package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/jail"
	"github.com/drover-hpc/drover/internal/need"
)

// A demo that ends while Ansible runs takes the job with it, which outlives a
// server by design, and leaves no files.
func TestDemoLeavesNothing(t *testing.T) {
	t.Parallel()
	need.Met(t, jail.Probe(t.TempDir()))
	tmp := t.TempDir()
	script := exec.Command("sh", "-euc", `. examples/stage.sh
serve --simulate 1
mkdir "$work/site"
printf '%s\n' '- hosts: all' '  gather_facts: false' '  tasks:' '    - ansible.builtin.pause: {seconds: 600}' >"$work/site/site.yml"
git -C "$work/site" init -q -b main
git -C "$work/site" add .
git -C "$work/site" -c user.name=Test -c user.email=test@example.org commit -qm Site
printf '{"layers": [{"name": "site", "clone_url": "file://%s", "branch": "main", "playbook": "site.yml"}]}' "$work/site" >"$work/site.json"
"$bin" cfs v3 configurations update site --file "$work/site.json" --format json
"$bin" cfs v3 sessions create --name long --configuration-name site --format json
tries=0
until grep -qs PLAY "$work"/data/jobs/*/log/*; do
	tries=$((tries + 1))
	[ $tries -lt 600 ] || exit 1
	sleep 0.1
done
echo "LEAVING $work"`)
	script.Dir = ".."
	script.Env = append(os.Environ(), "DROVER_DEMO_BINARY="+binary, "TMPDIR="+tmp, "HOME="+tmp)
	out, err := script.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, work, left := strings.Cut(string(out), "LEAVING ")
	if work = strings.TrimSpace(work); !left || work == "" {
		t.Fatalf("the script never got to Ansible:\n%s", out)
	}
	if alive := mentioning(t, work); len(alive) > 0 {
		t.Errorf("still running:\n%s", strings.Join(alive, "\n"))
	}
	if _, err := os.Stat(work); !os.IsNotExist(err) {
		t.Errorf("%s is still there", work)
	}
}

// mentioning are the command lines of processes that name the text.
func mentioning(t *testing.T, text string) (list []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		line, _ := os.ReadFile(file) // gone meanwhile: not alive
		if bytes.Contains(line, []byte(text)) {
			list = append(list, string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
		}
	}
	return list
}
