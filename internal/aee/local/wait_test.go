package local

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/aee"
	"github.com/drover-hpc/drover/internal/cfs"
)

// A job whose git server is dead says so at its first try, not after the last,
// and leaves its room to others.
func TestJobTellsThatItsGitServerIsDead(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	closed.Close()
	b := newBench(t, func(c *Config) {
		c.Parallel = 1
		c.Settings = aee.Settings{CacheDir: filepath.Join(t.TempDir(), "repositories"), GitDelay: time.Hour}
	})
	job := cfs.Job{ID: "cfs-1", Passthrough: "clone", Layers: []cfs.JobLayer{{Name: "base", CloneURL: "http://" + address + "/base.git"}}}
	if err := b.Start(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	var s cfs.JobState
	deadline := time.After(20 * time.Second)
	for s.Waiting == nil {
		select {
		case <-b.Changed(): // the hint must come
		case <-deadline:
			t.Fatalf("no word of the dead server: %+v", s)
		}
		if s, err = b.State(t.Context(), "cfs-1"); err != nil {
			t.Fatal(err)
		}
	}
	if s.Phase != cfs.JobRunning || s.Step != aee.StepClone {
		t.Errorf("%+v", s)
	}
	for _, words := range []string{"layer 0 base", address, "(try 1 of 61)"} {
		if !strings.Contains(s.Waiting.Reason, words) {
			t.Errorf("reason %q does not say %q", s.Waiting.Reason, words)
		}
	}
	if left := time.Until(s.Waiting.Until); left < 50*time.Minute || left > time.Hour {
		t.Errorf("waits until %s", s.Waiting.Until)
	}
	b.start("cfs-2", "") // and holds up nobody
	b.until("cfs-2", cfs.JobSucceeded)
}
