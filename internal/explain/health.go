package explain

import (
	"time"

	"github.com/drover-hpc/drover/internal/journal"
)

// Verdict is all that is known of a node in a word.
type Verdict string

// The verdicts.
const (
	Good    Verdict = "good"    // it runs what it should, or is off as it should be
	Idle    Verdict = "idle"    // nobody wanted anything of it yet
	Moving  Verdict = "moving"  // the boot service works on it
	Pending Verdict = "pending" // it booted what it should; its configuration is pending
	Wrong   Verdict = "wrong"   // it is not as it should be, and nobody works on it
	Failed  Verdict = "failed"  // its boot or its configuration failed
	Unknown Verdict = "unknown" // a service does not say what would tell
)

// Health is the verdict on a node, with the words of the first line of Explain.
type Health struct {
	Node    string   `json:"node"`
	Verdict Verdict  `json:"verdict" enum:"good,idle,moving,pending,wrong,failed,unknown" doc:"All that is known of the node in a word"`
	Words   string   `json:"words" doc:"The same in a sentence about the node"`
	Held    []string `json:"held" nullable:"false" doc:"What keeps services from driving the node: disabled, locked or reserved in HSM"`
	// Since is zero if the journal does not tell.
	Since time.Time `json:"since,omitzero" doc:"When the boot service last took it from one status to another, or a session of BOS v1 from one phase or category; absent if the journal has no such entry"`
}

// Judge is the verdict on the node.
func Judge(f *Facts) Health {
	a := f.account()
	h := Health{Node: f.Node, Verdict: a.verdict, Words: a.headline, Held: append([]string{}, f.holds()...)}
	for _, e := range f.Journal {
		if e.Kind == "status" || e.Kind == firstKind {
			h.Since = e.Time
		}
	}
	return h
}

// Report is all that Explain says, for programs.
type Report struct {
	Health
	Why     string          `json:"why"`     // the reason of whoever the node failed for
	Details []string        `json:"details"` // what else is to be said of where it stands
	Advice  []string        `json:"advice"`  // what to do
	Journal []journal.Entry `json:"journal"` // of the boot in progress, or the last one, oldest first
	Console []string        `json:"console"` // the last lines, if they may tell something
	// Silent are the services that gave no answer, and what they said.
	Silent map[string]string `json:"silent"`
}

// Tell is the report on the node.
func Tell(f *Facts) Report {
	a := f.account()
	r := Report{Health: Judge(f), Why: a.why, Details: append([]string{}, a.details...), Advice: append([]string{}, a.advice...),
		Journal: append([]journal.Entry{}, f.attempt()...), Console: append([]string{}, f.Console...), Silent: map[string]string{}}
	for service, words := range f.Unknown {
		r.Silent[service] = words
	}
	return r
}
