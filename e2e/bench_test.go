package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/drover-hpc/drover/internal/measure"
)

func TestBenchMeasuresABootAndLeavesNothing(t *testing.T) {
	t.Parallel()
	tmp := t.TempDir()
	cmd := exec.CommandContext(t.Context(), binary, "bench", "--nodes", "12", "--json")
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp, "HOME="+tmp)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var r measure.Result
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if r.Nodes != 12 || r.Memory <= 0 || r.Calm <= 0 || r.Busy <= 0 {
		t.Errorf("got %s", out)
	}
	for _, c := range []measure.Cost{r.Discovery, r.Boot, r.Reboot} {
		if c.Seconds <= 0 || c.Server <= 0 || c.Fleet <= 0 {
			t.Errorf("a part took nothing: %s", out)
		}
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
