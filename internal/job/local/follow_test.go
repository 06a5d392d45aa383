package local

import (
	"os"
	"testing"
	"time"
)

// told waits for a hint.
func told(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(20 * time.Second):
		t.Fatalf("nobody was told: %s", what)
	}
}

func TestFollowersAreToldOfAJobsLogs(t *testing.T) {
	b := newBench(t, nil)
	before, stopBefore := b.Follow("j1") // before there is such a job
	defer stopBefore()
	b.start("j1", "block")
	told(t, before, "the job began")
	b.file("j1", "ran")
	after, stop := b.Follow("j1")
	f, err := os.OpenFile(b.dir("j1").Log("work"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	grow := func(told func()) {
		for range 20 { // more often than there are late hints of the step's beginning
			if _, err := f.WriteString("more\n"); err != nil {
				t.Fatal(err)
			}
			told()
		}
	}
	grow(func() { told(t, before, "the log grew"); told(t, after, "the log grew") })
	stop()
	grow(func() { told(t, before, "the log grew, and another follower is gone") })
	stopBefore()
	for _, path := range b.notices.WatchList() {
		if path == b.logs("j1") {
			t.Error("the logs are still watched when nobody follows")
		}
	}
}
