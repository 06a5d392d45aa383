package cfs_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
)

func TestReportsAtTheSameTime(t *testing.T) {
	f := newFixture(t)
	f.want(200, "PUT", "/v3/components/x0", `{}`)
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			err := f.client.ReportComponents(t.Context(), []cfs.Report{{ID: "x0", StateAppend: cfs.AppendInput{
				CloneURL: "u", Playbook: fmt.Sprintf("p%d", i), Commit: "c", Status: "failed", SessionName: "s"}}})
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	c, err := f.client.Component(t.Context(), "x0")
	if err != nil || c.ErrorCount != 20 || len(c.State) != 20 {
		t.Errorf("%d errors, %d layers, %v", c.ErrorCount, len(c.State), err)
	}
}

// The plugin repeats a report whose answer was lost.
func TestReportThatComesAgainCountsOnce(t *testing.T) {
	f := newFixture(t)
	f.configuration("c", "a")
	f.want(200, "PUT", "/v3/components/x0", `{"desired_config":"c"}`)
	again := func(status, session string) {
		t.Helper()
		for range 3 {
			f.report("x0", "a", status, session)
			f.now = f.now.Add(time.Minute)
		}
	}
	again("failed", "s1")
	f.errors("x0", 1)
	again("failed", "s2") // a failure of its own
	f.errors("x0", 2)
	f.report("x0", "b", "failed", "s2") // another layer
	f.errors("x0", 3)
	f.report("x0", "a", "failed", "s2") // late, and not the newest entry any more
	f.errors("x0", 3)
	again("applied", "s3")
	f.errors("x0", 0)
	f.report("x0", "b", "failed", "s4")
	f.report("x0", "a", "applied", "s3") // late: says nothing about b
	f.errors("x0", 1)
	again("failed", "") // no session: who sends these keeps count himself
	f.errors("x0", 4)

	lines, err := f.journal.List(t.Context(), "x0", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]int{}
	for _, l := range lines {
		if strings.HasPrefix(l.Text, "playbook ") {
			told[l.Session]++
		}
	}
	for session, want := range map[string]int{"s1": 1, "s2": 2, "s3": 1, "s4": 1, "": 3} {
		if told[session] != want {
			t.Errorf("the journal tells of session %q %d times, want %d", session, told[session], want)
		}
	}
}

func TestSameReportAtTheSameTimeCountsOnce(t *testing.T) {
	f := newFixture(t)
	f.want(200, "PUT", "/v3/components", `[{"id":"x0"},{"id":"x1"}]`)
	failed := cfs.AppendInput{CloneURL: "u", Playbook: "p", Commit: "c", Status: "failed", SessionName: "s"}
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			err := f.client.ReportComponents(t.Context(), []cfs.Report{{ID: "x0", StateAppend: failed}, {ID: "x1", StateAppend: failed}})
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	f.errors("x0", 1)
	f.errors("x1", 1)
}

// A session of a name that an earlier one had is another session.
func TestReportOfANewSessionOfTheSameName(t *testing.T) {
	f := newFixture(t)
	f.configuration("c", "a")
	f.want(200, "PUT", "/v3/components/x0", `{"desired_config":"c"}`)
	for want := 1; want <= 2; want++ {
		f.want(201, "POST", "/v3/sessions", `{"name":"nightly","configuration_name":"c","target":{"definition":"dynamic"}}`)
		f.now = f.now.Add(time.Minute)
		f.report("x0", "a", "failed", "nightly")
		f.report("x0", "a", "failed", "nightly")
		f.errors("x0", want)
		f.want(204, "DELETE", "/v3/sessions/nightly", "")
		f.report("x0", "a", "failed", "nightly") // comes again after the deletion
		f.errors("x0", want)
		f.now = f.now.Add(time.Hour)
	}
}
