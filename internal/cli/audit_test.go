package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/audit"
)

func TestAuditList(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	until := at.Add(55 * time.Second)
	list := []audit.Record{
		{Number: 9, Time: at, Who: audit.Who{Name: "nightly reboots", Role: "operator", ID: "t1"}, From: "10.1.2.3", Method: "POST", Path: "/apis/bos/v2/sessions", What: "boot by template compute", Session: "s1", Outcome: audit.Done, Status: 201},
		{Number: 10, Time: at, Who: audit.Drover("session s1"), Path: "PCS On", What: "power on", Session: "s1", Nodes: "x1000c0s[0-7]b0n0", NodeCount: 8, Outcome: audit.Asked},
		{Number: 11, Time: at, Who: audit.Who{Name: "x1000c0s0b0n0", Role: "node"}, From: "10.9.0.1", Method: "PATCH", Path: "/apis/bos/v2/components/x1000c0s1b0n0", Nodes: "x1000c0s1b0n0", NodeCount: 1,
			Outcome: audit.Denied, Status: 403, Why: "x1000c0s1b0n0 speaks for itself alone\x1b[2J", Count: 999, Until: &until},
	}
	want := strings.Join([]string{
		" 9  2026-01-02 03:04:05  done 201    nightly reboots (operator) @ 10.1.2.3  POST /apis/bos/v2/sessions  session s1  boot by template compute",
		"10  2026-01-02 03:04:05  asked       session s1                             PCS On  power on  x1000c0s[0-7]b0n0",
		"11  2026-01-02 03:04:05  denied 403  x1000c0s0b0n0 (node) @ 10.9.0.1        PATCH /apis/bos/v2/components/x1000c0s1b0n0  999 times in 55s",
		"    x1000c0s1b0n0 speaks for itself alone[2J", ""}, "\n")
	if got := harmless(auditLines(list, time.UTC)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAuditListAsksForPagesOldestLast(t *testing.T) {
	b := newBench(t)
	var asked []string
	b.answer = func(w http.ResponseWriter, r *http.Request, _ string) {
		asked = append(asked, r.URL.RawQuery)
		page := []audit.Record{}
		for n := range 1000 {
			page = append(page, audit.Record{Number: int64(3000 - 1000*len(asked) - n), Path: "/", Outcome: audit.Done})
		}
		if len(asked) == 2 {
			page = page[:200]
		}
		json.NewEncoder(w).Encode(page)
	}
	code, out, stderr := b.run("drover", "audit", "--who", "ada", "--outcome", "done,denied", "--limit", "1200", "--format", "json")
	var got []audit.Record
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 || len(got) != 1200 || got[0].Number > got[1].Number {
		t.Errorf("exit %d %s %v, %d records", code, stderr, err, len(got))
	}
	if want := []string{"limit=1000&outcome=done%2Cdenied&who=ada", "before=1001&limit=200&outcome=done%2Cdenied&who=ada"}; strings.Join(asked, " ") != strings.Join(want, " ") {
		t.Errorf("asked %q, want %q", asked, want)
	}
}

func TestAuditSaysWhichTimesItTakes(t *testing.T) {
	b := newBench(t)
	b.answer = func(_ http.ResponseWriter, r *http.Request, _ string) { t.Errorf("asked %s", r.URL) }
	for _, option := range []string{"--since", "--until"} {
		code, _, stderr := b.run("drover", "audit", option, "yesterday")
		if code != 2 || !strings.Contains(stderr, "Invalid value for '"+option+"'") || !strings.Contains(stderr, "24h") {
			t.Errorf("exit %d %s", code, stderr)
		}
	}
}

func TestAuditVerify(t *testing.T) {
	b := newBench(t)
	hash := strings.Repeat("ab", 32)
	b.answer = func(w http.ResponseWriter, r *http.Request, _ string) {
		if r.URL.RawQuery != "head=5%3A"+hash {
			t.Errorf("asked %s", r.URL)
		}
		fmt.Fprintf(w, `{"whole":true,"records":7,"first":2,"head":{"number":8,"hash":"%s"},"since":{"number":5,"hash":"%[1]s"}}`, hash)
	}
	code, out, stderr := b.run("drover", "audit", "verify", "--head", "5:"+hash)
	if want := "whole: 7 records, from 2 to 8\nnothing up to record 5 was rewritten since its hash was noted\nhead: 8:" + hash + "\n"; code != 0 || out != want {
		t.Errorf("exit %d %s\n%s", code, stderr, out)
	}
	b.answer = func(w http.ResponseWriter, _ *http.Request, _ string) {
		io.WriteString(w, `{"whole":false,"at":5,"broken":"record 5 is missing","records":4,"first":1,"head":{"number":4,"hash":"`+hash+`"}}`)
	}
	if code, _, stderr = b.run("drover", "audit", "verify"); code == 0 || !strings.Contains(stderr, "broken at record 5: record 5 is missing") {
		t.Errorf("exit %d %s", code, stderr)
	}
	if code, out, _ = b.run("drover", "audit", "verify", "--format", "json"); code == 0 || !strings.Contains(out, `"at": 5`) {
		t.Errorf("as JSON: exit %d %s", code, out)
	}
}
