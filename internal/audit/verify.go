package audit

import (
	"context"
	"fmt"

	"github.com/drover-hpc/drover/internal/store"
)

// Report is what Verify found.
type Report struct {
	Whole   bool   `json:"whole" doc:"Whether every record is there as it was written"`
	Broken  string `json:"broken,omitempty" doc:"What is wrong, at the first record where anything is"`
	At      int64  `json:"at,omitempty" doc:"Number of that record"`
	Records int64  `json:"records" doc:"How many were looked at"`
	First   int64  `json:"first" doc:"Number of the oldest; those before it were removed by age or size"`
	Head    Head   `json:"head" doc:"The newest record: what to note elsewhere"`
	Since   *Head  `json:"since,omitempty" doc:"The head that was asked about"`
}

// verifyAtOnce is how many records are in memory at a time.
const verifyAtOnce = 1000

// Verify follows the chain from its anchor. With noted, a head of before, it also
// tells whether that is still a part of it.
func (l *Log) Verify(ctx context.Context, noted *Head) (Report, error) {
	l.keeping.Lock()
	defer l.keeping.Unlock()
	wrote := l.written()
	at, err := l.anchor(ctx)
	if err != nil {
		return Report{}, err
	}
	v := verifier{Report: Report{First: at.Number + 1, Head: at.Head, Since: noted}, at: at, anchor: at.Head}
	v.meet(at.Head)
	for v.Broken == "" {
		lines, err := l.lines.Lines(ctx, store.Span{After: v.at.Number, Limit: verifyAtOnce})
		if err != nil {
			return Report{}, err
		}
		for i := range lines {
			v.follow(lines[i])
		}
		if len(lines) < verifyAtOnce {
			break
		}
	}
	v.end(wrote)
	return v.Report, nil
}

// verifier is on its way along the chain.
type verifier struct {
	Report
	at     place
	anchor Head
	pruned Head // what the log says was removed last
}

func (v *verifier) follow(l store.Line) {
	if v.Broken != "" {
		return
	}
	r, wrong := v.at.check(l)
	if wrong != "" {
		v.broken(v.at.Number+1, wrong)
		return
	}
	v.at = placeOf(l)
	v.Records, v.Head = v.Records+1, v.at.Head
	if r.Pruned != nil {
		v.pruned = *r.Pruned
	}
	v.meet(v.Head)
}

// meet compares the head that was noted with what is at its place.
func (v *verifier) meet(h Head) {
	if v.Since != nil && v.Since.Number == h.Number && v.Since.Hash != h.Hash {
		v.broken(h.Number, fmt.Sprintf("record %d, or one before it, was rewritten since its hash was noted", h.Number))
	}
}

// end looks at what only shows behind the last record.
func (v *verifier) end(wrote Head) {
	switch {
	case v.Broken != "":
	case v.Head.Number < wrote.Number:
		v.broken(v.Head.Number+1, fmt.Sprintf("record %d is missing: this server has written up to %d", v.Head.Number+1, wrote.Number))
	case v.pruned != v.anchor:
		v.broken(v.anchor.Number, fmt.Sprintf("records up to %d were removed, and not by the server: by its records it removed those up to %d", v.anchor.Number, v.pruned.Number))
	case v.Since != nil && v.Since.Number > v.Head.Number:
		v.broken(v.Head.Number+1, fmt.Sprintf("record %d is missing: %d was the newest when its hash was noted", v.Head.Number+1, v.Since.Number))
	case v.Since != nil && v.Since.Number < v.anchor.Number:
		v.broken(v.anchor.Number, fmt.Sprintf("record %d is not kept any more, so nobody can tell: the oldest is %d; expected a head that was noted later", v.Since.Number, v.First))
	}
	v.Whole = v.Broken == ""
}

func (v *verifier) broken(at int64, why string) { v.At, v.Broken = at, why }
