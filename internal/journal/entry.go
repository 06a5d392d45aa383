package journal

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Entry is one thing that happened to one node.
type Entry struct {
	Node string    `json:"node" doc:"xname of the node"`
	Time time.Time `json:"time"`
	// Source is the service that saw it: bos, pcs, bss, s3, hsm, cfs.
	Source string `json:"source" enum:"bos,pcs,bss,s3,hsm,cfs"`
	// Kind is what happened, constant per kind of event: status, power,
	// bmc-answer, boot-script, artifact, report, configuration.
	Kind string `json:"kind"`
	// Text is the event in plain words, without the node's name.
	Text string `json:"text"`
	// Failed marks what a reader looks for first.
	Failed bool `json:"failed,omitempty"`
	// Session is the BOS or CFS session it belongs to, when known.
	Session string `json:"session,omitempty"`

	Key string `json:"key" doc:"order of the entries of a node; ask with after=KEY for newer ones"`
}

// line is an entry with its place among the others: nodes, then time, then
// order of arrival.
type line struct {
	Entry
	seq uint32
}

func (l *line) compare(m *line) int {
	return cmp.Or(strings.Compare(l.Node, m.Node), l.Time.Compare(m.Time), cmp.Compare(l.seq, m.seq))
}

// sortLines orders lines that will stand in one segment.
func sortLines(lines []line) {
	slices.SortFunc(lines, func(a, b line) int { return a.compare(&b) })
}

// entryKey is the key of a node's entry; keys sort as lines do.
func entryKey(node string, at time.Time, seq uint32) string {
	return fmt.Sprintf("%s/%016x%08x", node, at.UnixNano(), seq)
}

// Before is a key before those of the node's entries of the time and later: with
// it as the last key already known, List returns them.
func Before(node string, at time.Time) string { return entryKey(node, at.Add(-1), math.MaxUint32) }

// placeOf is the time and the order of arrival that the key of a node's entry
// says; ok is false if it is no such key.
func placeOf(node, key string) (nanos int64, seq uint32, ok bool) {
	rest, own := strings.CutPrefix(key, node+"/")
	if !own || len(rest) != 24 {
		return 0, 0, false
	}
	t, errTime := strconv.ParseInt(rest[:16], 16, 64)
	n, errSeq := strconv.ParseUint(rest[16:], 16, 32)
	return t, uint32(n), errTime == nil && errSeq == nil
}
