package job

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// readAll returns what the reader has now.
func readAll(t *testing.T, r *Reader) string {
	t.Helper()
	var all strings.Builder
	for {
		text, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if len(text) == 0 {
			return all.String()
		}
		all.Write(text)
	}
}

// jobWithSteps is a job's directory in which the last of the steps runs.
func jobWithSteps(t *testing.T, names ...string) Dir {
	t.Helper()
	path := t.TempDir() + "/job"
	if err := Create(path, Spec{ID: "job"}, nil); err != nil {
		t.Fatal(err)
	}
	setSteps(t, Dir(path), names...)
	return Dir(path)
}

func setSteps(t *testing.T, d Dir, names ...string) {
	t.Helper()
	var steps []Step
	for i, n := range names {
		s := Step{Name: n, Started: time.Now()}
		if i < len(names)-1 {
			s.Ended = time.Now()
		}
		steps = append(steps, s)
	}
	if err := d.Write("steps.json", steps); err != nil {
		t.Fatal(err)
	}
}

func stepLog(t *testing.T, d Dir, step string, bound int64) *Log {
	t.Helper()
	l, err := openLog(d.Log(step), bound)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestLogsOfStepsAreReadOneAfterAnother(t *testing.T) {
	d := jobWithSteps(t)
	all, second := d.ReadLogs(""), d.ReadLogs("two")
	defer all.Close()
	if text := readAll(t, all); text != "" {
		t.Errorf("%q before there is a step", text)
	}
	setSteps(t, d, "one")
	one := stepLog(t, d, "one", 1<<20)
	fmt.Fprint(one, "a\n")
	if text := readAll(t, all); text != "==> one <==\na\n" {
		t.Errorf("%q", text)
	}
	fmt.Fprint(one, "b\n")
	setSteps(t, d, "one", "two")
	fmt.Fprint(stepLog(t, d, "two", 1<<20), "c\n")
	if text := readAll(t, all); text != "b\n==> two <==\nc\n" {
		t.Errorf("%q", text)
	}
	if text := readAll(t, second); text != "c\n" {
		t.Errorf("of the second step %q", text)
	}
	fmt.Fprint(stepLog(t, d, "run", 1<<20), "the supervisor's words\n")
	if err := d.SetResult(Result{Phase: Succeeded}); err != nil {
		t.Fatal(err)
	}
	if text := readAll(t, all); text != "==> run <==\nthe supervisor's words\n" {
		t.Errorf("%q", text)
	}
	if text := readAll(t, d.ReadLogs("")); text != "==> one <==\na\nb\n==> two <==\nc\n==> run <==\nthe supervisor's words\n" {
		t.Errorf("after the end: %q", text)
	}
}

func TestLogIsReadOverTheBoundAtWhichItIsPutAside(t *testing.T) {
	d := jobWithSteps(t, "one")
	l := stepLog(t, d, "one", 1000)
	r := d.ReadLogs("one")
	defer r.Close()
	var got, want strings.Builder
	for i := range 200 { // 2,000 bytes: put aside three times and more
		line := fmt.Sprintf("line %4d\n", i)
		want.WriteString(line)
		fmt.Fprint(l, line)
		if i%17 == 0 {
			got.WriteString(readAll(t, r))
		}
	}
	got.WriteString(readAll(t, r))
	if got.String() != want.String() {
		t.Errorf("read %q\nwritten %q", got.String(), want.String())
	}
}

func TestReaderSaysThatAPartOfTheLogIsGone(t *testing.T) {
	d := jobWithSteps(t, "one")
	l := stepLog(t, d, "one", 1000)
	r := d.ReadLogs("one")
	defer r.Close()
	fmt.Fprint(l, "the beginning\n")
	first := readAll(t, r)
	for i := range 1000 {
		fmt.Fprintf(l, "line %4d\n", i)
	}
	text := readAll(t, r)
	if first != "the beginning\n" || !strings.Contains(text, lostText) || !strings.HasSuffix(text, "line  998\nline  999\n") || strings.Count(text, lostText) != 1 {
		t.Errorf("%q, then %q", first, text)
	}
}
