package measure

import (
	"context"
	"strings"
	"testing"
	"time"
)

func TestWaitEndsWithTheWordsOfAProcessThatEnded(t *testing.T) {
	p, err := start("/bin/sh", t.TempDir(), "-c", "echo first; echo the port is taken; exit 1")
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	err = until(context.Background(), "it answers", []*process{p}, func() (bool, error) { return false, nil })
	if err == nil || !strings.Contains(err.Error(), "wait until it answers") || !strings.Contains(err.Error(), "the port is taken") {
		t.Errorf("got %v", err)
	}
}

func TestProcessorTimeOfAProcessIsItsOwn(t *testing.T) {
	p, err := start("/bin/sh", t.TempDir(), "-c", "while :; do :; done")
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	for deadline := time.Now().Add(time.Minute); p.cpu() < 20*time.Millisecond; {
		if time.Now().After(deadline) {
			t.Fatalf("a busy process is said to have used %s", p.cpu())
		}
	}
	if b, err := p.resident(); err != nil || b < 100_000 {
		t.Errorf("resident: %d, %v", b, err)
	}
}

func TestPercentile(t *testing.T) {
	var looks []time.Duration
	for i := 200; i > 0; i-- {
		looks = append(looks, time.Duration(i)*time.Millisecond)
	}
	if got := p99(looks); got != 198 {
		t.Errorf("of 1 to 200: %g", got)
	}
	if got := p99(looks[:1]); got != 200 {
		t.Errorf("of one: %g", got)
	}
}
