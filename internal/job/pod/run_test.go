package pod

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/job"
)

// TestMain lets the test binary be the program of the steps.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[2] == "--job" {
		os.Exit(step(os.Args[1], job.Dir(os.Args[3])))
	}
	os.Exit(m.Run())
}

// step writes a record, and exits with 3 if it is to break.
func step(name string, d job.Dir) int {
	fmt.Println("step", name)
	os.WriteFile(d.Path("lines"), []byte("one\ntwo\n"), 0o600) //nolint:errcheck // the test sees
	if name == "breaks" {
		return 3
	}
	return 0
}

// receiver is a server that keeps what is reported to it. It fails the first
// calls, as many as fail says.
type receiver struct {
	mu    sync.Mutex
	fail  int
	files map[string]string
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := strings.TrimPrefix(req.URL.Path, "/files/")
	body, _ := io.ReadAll(req.Body)
	switch {
	case req.Header.Get("Authorization") != "Bearer secret":
		w.WriteHeader(http.StatusForbidden)
	case req.Method == http.MethodPatch && req.FormValue("offset") != fmt.Sprint(len(r.files[name])):
		w.Header().Set(OffsetHeader, fmt.Sprint(len(r.files[name])))
		w.WriteHeader(http.StatusConflict)
	default:
		r.files[name] += string(body)
		if r.fail > 0 { // it was done, but the answer is lost
			r.fail--
			w.WriteHeader(http.StatusBadGateway)
		}
	}
}

// given is a directory with a job's files, and where they are reported to.
func given(t *testing.T) (dir string, r *receiver) {
	t.Helper()
	r = &receiver{files: map[string]string{}}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	dir = t.TempDir()
	if err := job.Dir(dir).Write(ReportFile, Report{URL: server.URL + "/files/", Token: "secret"}); err != nil {
		t.Fatal(err)
	}
	return dir, r
}

func run(t *testing.T, p Plan) (exit int, said string, err error) {
	t.Helper()
	p.Program, p.Patience = []string{os.Args[0]}, 10*time.Second
	var out bytes.Buffer
	exit, err = Run(t.Context(), p, &out, &out)
	return exit, out.String(), err
}

func TestStepsWaitForEachOther(t *testing.T) {
	from, r := given(t)
	d := job.Dir(t.TempDir())
	var wg sync.WaitGroup
	wg.Go(func() { // started together with the one it waits for
		if exit, _, err := run(t, Plan{Dir: d, Step: "second", After: "first"}); exit != 0 || err != nil {
			t.Errorf("second: %d, %v", exit, err)
		}
	})
	r.fail = 2
	exit, said, err := run(t, Plan{Dir: d, Step: "first", Given: from, Grown: []string{"lines"}})
	if exit != 0 || err != nil || said != "step first\n" {
		t.Errorf("first: %d, %q, %v", exit, said, err)
	}
	wg.Wait()
	steps, err := d.Steps()
	if err != nil || len(steps) != 2 || steps[1].Name != "second" || steps[1].Started.Before(steps[0].Ended) {
		t.Errorf("%+v, %v", steps, err)
	}
	if r.files["lines"] != "one\ntwo\n" {
		t.Errorf("reported %q", r.files["lines"])
	}
}

func TestAStepAfterOneThatFailed(t *testing.T) {
	from, _ := given(t)
	d := job.Dir(t.TempDir())
	if exit, _, err := run(t, Plan{Dir: d, Step: "breaks", Given: from}); exit != 3 || err != nil {
		t.Fatalf("%d, %v", exit, err)
	}
	if exit, said, err := run(t, Plan{Dir: d, Step: "second", After: "breaks"}); exit != 1 || err == nil || said != "" {
		t.Errorf("%d, %q, %v", exit, said, err)
	}
	if exit, said, err := run(t, Plan{Dir: d, Step: "last", After: "breaks", Always: true}); exit != 0 || err != nil || said != "step last\n" {
		t.Errorf("%d, %q, %v", exit, said, err)
	}
}

// A container that is killed records nothing; its lock is free all the same.
func TestAStepAfterOneThatWasKilled(t *testing.T) {
	d := job.Dir(t.TempDir())
	release, err := hold(d, "first")
	if err != nil {
		t.Fatal(err)
	}
	waiting := make(chan error, 1)
	go func() {
		_, err := Run(context.Background(), Plan{Dir: d, Step: "second", After: "first"}, io.Discard, io.Discard)
		waiting <- err
	}()
	release()
	select {
	case err := <-waiting:
		if err == nil || !strings.Contains(err.Error(), "did not succeed") {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("it still waits")
	}
}

// One that ends before it takes its lock, such as for want of memory, leaves
// nothing to wait for.
func TestAStepAfterOneThatNeverBegan(t *testing.T) {
	from, _ := given(t)
	plan := Plan{Dir: job.Dir(from), Step: "second", After: "first", Begins: 50 * time.Millisecond}
	if exit, said, err := run(t, plan); exit != 1 || err == nil || !strings.Contains(err.Error(), "step first: it did not begin within 50ms") || said != "" {
		t.Errorf("%d, %q, %v", exit, said, err)
	}
	plan.Step, plan.Always = "last", true
	if exit, said, err := run(t, plan); exit != 0 || err != nil || said != "step last\n" {
		t.Errorf("%d, %q, %v", exit, said, err)
	}
}

// What the server refuses for good is told, and holds nobody up.
func TestRecordsThatTheServerRefuses(t *testing.T) {
	from, _ := given(t)
	d := job.Dir(from)
	report, err := job.Read[Report](d, ReportFile)
	if err != nil {
		t.Fatal(err)
	}
	report.Token = "other"
	if err := d.Write(ReportFile, report); err != nil {
		t.Fatal(err)
	}
	exit, said, err := run(t, Plan{Dir: job.Dir(t.TempDir()), Step: "first", Given: from, Grown: []string{"lines"}})
	if exit != 0 || err != nil || !strings.Contains(said, "403") {
		t.Errorf("%d, %q, %v", exit, said, err)
	}
	if _, err := os.Stat(filepath.Join(from, "lines")); err == nil {
		t.Error("the step wrote where its files were given")
	}
}
