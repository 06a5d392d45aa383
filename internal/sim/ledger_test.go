package sim

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func quietFleet(t *testing.T, dir string) *Fleet {
	t.Helper()
	f, err := New(Options{Nodes: 3, Dir: dir, Gateway: "http://gw", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Stop)
	return f
}

func TestALineCutOffByAKillIsNoHarm(t *testing.T) {
	dir := t.TempDir()
	f := quietFleet(t, dir)
	f.nodes[0].SetFaults(Faults{HangBoot: 1})
	f.nodes[1].SetFaults(Faults{HangBoot: 2})
	f.Stop()
	path := filepath.Join(dir, "fleet.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text[:len(text)-10], 0o600); err != nil {
		t.Fatal(err)
	}
	f = quietFleet(t, dir)
	if f.nodes[0].Faults().HangBoot != 1 || f.nodes[1].Faults() != (Faults{}) {
		t.Errorf("read %+v, %+v", f.nodes[0].Faults(), f.nodes[1].Faults())
	}
	f.nodes[2].SetFaults(Faults{HangBoot: 3})
	f.Stop()
	if f = quietFleet(t, dir); f.nodes[2].Faults().HangBoot != 3 {
		t.Error("what was written after the repair is lost")
	}
}

func TestALongLedgerIsShortened(t *testing.T) {
	dir := t.TempDir()
	f := quietFleet(t, dir)
	for i := range 10_200 {
		f.nodes[0].SetFaults(Faults{HangBoot: i})
	}
	f.ledger.reset(1, ResetRecord{Time: time.Unix(1, 0), Type: "On"})
	f.nodes[1].resets = []ResetRecord{{Time: time.Unix(1, 0), Type: "On"}}
	f.shorten()
	f.nodes[2].SetFaults(Faults{Silent: true}) // goes to the new file
	text, err := os.ReadFile(filepath.Join(dir, "fleet.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(text, []byte("\n")); lines != 3 {
		t.Errorf("%d lines:\n%s", lines, text)
	}
	f.Stop()
	f = quietFleet(t, dir)
	if f.nodes[0].Faults().HangBoot != 10_199 || len(f.nodes[1].Resets()) != 1 || !f.nodes[2].Faults().Silent {
		t.Error("shortening lost something")
	}
}
