package vcs

import (
	"bytes"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/fault"
)

func TestChangesThatDoNotFitTheRecordAreRefused(t *testing.T) {
	r := Record{Generation: 1, Head: heads + "main", Refs: map[string]string{heads + "main": "a", heads + "team/x": "b"}}
	for why, list := range map[string][]change{
		"changed by another push": {{heads + "main", "c", "d"}},
		"beside refs/heads/team":  {{heads + "team", "", "d"}},
		"beside refs/heads/main":  {{heads + "main/y/z", "", "d"}},
	} {
		if _, err := r.with(list); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), why) {
			t.Errorf("%v: %v, want %s", list, err, why)
		}
	}
	next, err := r.with([]change{{ref: heads + "main", from: "a"}, {heads + "team", "", "d"}, {ref: heads + "team/x", from: "b"}}, Pack{"k", 1})
	if err != nil || next.Generation != 2 || next.Head != heads+"team" || len(next.Refs) != 1 || len(next.Packs) != 1 {
		t.Errorf("%+v, %v", next, err)
	}
	if len(r.Refs) != 2 || len(r.Packs) != 0 {
		t.Errorf("the record before is now %+v", r)
	}
}

func TestRecordsGrowFatByManyPacksOrLargeOnes(t *testing.T) {
	for want, sizes := range map[bool][][]int64{
		false: {nil, {5}, {10, smallPacks}, {smallPacks + 5, smallPacks + 5}},
		true:  {{10, smallPacks + 1}, {smallPacks + 5, smallPacks, 6}, make([]int64, maxPacks+1)},
	} {
		for _, list := range sizes {
			var r Record
			for _, size := range list {
				r.Packs = append(r.Packs, Pack{Size: size})
			}
			if r.fat() != want {
				t.Errorf("%v: %v", list, !want)
			}
		}
	}
}

// The answers have the forms of git 2.39: a report as it is, and one in the first of
// several bands.
func TestReportsAreTurnedIntoRefusals(t *testing.T) {
	report := lines("unpack ok\n", "ok refs/heads/main\n", "option refname refs/x\n", "ng refs/heads/other reason\n")
	refusal := lines("unpack ok\n", "ng refs/heads/main why\n", "ng refs/heads/other reason\n")
	for answer, want := range map[string]string{
		report:                           refusal,
		lines("\x02..", "\x01"+report):   lines("\x02..", "\x01"+refusal),
		"":                               "",
		"0000":                           "",
		lines("unpack ok\n"):             "", // nothing was written
		report[:20]:                      "",
		"zzzz":                           "",
		lines("\x01" + lines("ok refs")): lines("\x01" + lines("ng refs why\n")),
	} {
		if got, err := refused([]byte(answer), "why"); (err == nil) != (want != "") || string(got) != want {
			t.Errorf("%q: %q, %v; want %q", answer, got, err, want)
		}
	}
}

// lines are packets, and the end of them.
func lines(contents ...string) string {
	var out bytes.Buffer
	for _, content := range contents {
		writePacket(&out, []byte(content))
	}
	return out.String() + "0000"
}
