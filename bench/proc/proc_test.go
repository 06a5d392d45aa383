package proc_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/bench/proc"
)

// The test binary is the child, too.
func TestMain(m *testing.M) {
	if os.Getenv("PROC_TEST_CHILD") == "" {
		os.Exit(m.Run())
	}
	var refuse bool
	child, err := proc.NewChild(&refuse)
	if err != nil {
		os.Exit(1)
	}
	if refuse {
		child.Fail(errors.New("told to fail"))
		os.Exit(1)
	}
	child.Answer("ready", map[string]proc.Operation{
		"echo": func(arg json.RawMessage) (any, error) {
			child.Tell("before the answer")
			return arg, nil
		},
		"refuse": func(json.RawMessage) (any, error) { return nil, errors.New("no") },
		"die":    func(json.RawMessage) (any, error) { os.Exit(1); return nil, nil },
	})
}

func start(refuse bool, events chan string) (*proc.Process, string, error) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PROC_TEST_CHILD=yes")
	var ready string
	p, err := proc.Start("child", cmd, refuse, &ready, func(text json.RawMessage) { events <- string(text) })
	return p, ready, err
}

func TestChildAnswersTellsAndRefuses(t *testing.T) {
	events := make(chan string, 10)
	p, ready, err := start(false, events)
	if err != nil || ready != "ready" {
		t.Fatalf("started with %q, %v", ready, err)
	}
	defer p.Stop()
	var echo []int
	if err := p.Ask("echo", []int{1, 2}, &echo); err != nil || len(echo) != 2 || <-events != `"before the answer"` {
		t.Errorf("echo: %v, %v", echo, err)
	}
	for do, want := range map[string]string{"refuse": "refuse of the child: no", "unheard": `unheard of the child: nothing is called "unheard"`} {
		if err := p.Ask(do, nil, nil); err == nil || err.Error() != want {
			t.Errorf("%s: %v, expected %s", do, err, want)
		}
	}
	before, err := p.Usage()
	if err != nil || before.CPU <= 0 || before.Allocations == 0 || before.Bytes == 0 {
		t.Errorf("usage: %+v, %v", before, err)
	}
	var heap uint64
	if err := p.Ask("collect", nil, &heap); err != nil || heap == 0 {
		t.Errorf("collect: %d, %v", heap, err)
	}
	after, err := p.Usage()
	if d := after.Minus(before); err != nil || d.CPU < 0 || d.Allocations == 0 {
		t.Errorf("since then: %+v, %v", d, err)
	}
	if resident, err := p.Resident(); err != nil || resident < heap/2 {
		t.Errorf("resident: %d, %v", resident, err)
	}
}

func TestChildThatFailsOrDiesIsAnError(t *testing.T) {
	if _, _, err := start(true, nil); err == nil || !strings.Contains(err.Error(), "told to fail") {
		t.Errorf("a start that fails: %v", err)
	}
	p, _, err := start(false, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	for range 2 {
		if err := p.Ask("die", nil, nil); err == nil {
			t.Error("a child that died answered")
		}
	}
}
