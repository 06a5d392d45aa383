package imagejob

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/ims"
	"github.com/drover-hpc/drover/internal/job"
)

// otherMachine has what jobs left there.
type otherMachine struct {
	dir string
}

func (o *otherMachine) Ended(string)   {}
func (o *otherMachine) Removed(string) {}

func (o *otherMachine) Dir(_ context.Context, id string) (job.Dir, error) {
	if _, err := os.Stat(filepath.Join(o.dir, id)); err != nil {
		return "", fault.New(fault.NotFound, "no job %s", id)
	}
	return job.Dir(filepath.Join(o.dir, id)), nil
}

func TestLogsOfAJobAreReadWhereverItRan(t *testing.T) {
	there := &otherMachine{dir: t.TempDir()}
	d := job.Dir(filepath.Join(there.dir, "one"))
	if err := job.Create(string(d), job.Spec{ID: "one"}, nil); err != nil {
		t.Fatal(err)
	}
	if err := d.Write("steps.json", []job.Step{{Name: ims.StepFetch, Started: time.Now()}}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.Log(ims.StepFetch), []byte("fetched\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run, err := NewRunner(Config{Dir: filepath.Join(t.TempDir(), "jobs")})
	if err != nil {
		t.Fatal(err)
	}
	run.Keep(there)
	logs, err := run.Logs(t.Context(), "one")
	if err != nil || len(logs) != 1 || logs[0].Text != "fetched" {
		t.Errorf("%+v, %v", logs, err)
	}
	if logs, err := run.Logs(t.Context(), "none"); err != nil || len(logs) != 0 {
		t.Errorf("%+v, %v", logs, err)
	}
}
