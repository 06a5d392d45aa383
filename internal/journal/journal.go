package journal

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/drover-hpc/drover/internal/batch"
	"github.com/drover-hpc/drover/internal/store"
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

// Journal writes and reads entries. Its methods are safe for concurrent use.
type Journal struct {
	table *store.Table[Entry]
	now   func() time.Time
	seq   atomic.Uint32
	notes batch.Writer[string, Entry]
}

// flushAfter and flushAt bound how long and how many notes wait in memory.
const (
	flushAfter = 200 * time.Millisecond
	flushAt    = 2000
)

// New returns the journal in db. Start makes it write notes.
func New(db *store.DB, now func() time.Time) *Journal {
	j := &Journal{now: now, table: store.NewTable(db, store.Spec[Entry]{
		Name: "journal", Kind: "Journal entry", Key: func(e *Entry) string { return e.Key }})}
	j.notes.What, j.notes.Every, j.notes.Full = "journal entries", flushAfter, flushAt
	j.notes.Write = func(ctx context.Context, entries []Entry) error { return j.table.Put(ctx, entries...) }
	return j
}

// Table is the name under which new entries are hinted.
func (j *Journal) Table() string { return j.table.Name() }

// Append writes entries, in the transaction of ctx if there is one. A zero
// Time becomes now.
func (j *Journal) Append(ctx context.Context, entries ...Entry) error {
	if len(entries) == 0 {
		return nil
	}
	for i := range entries {
		j.complete(&entries[i])
	}
	return j.table.Put(ctx, entries...)
}

// Note hands entries to be written soon. A killed process may lose the last
// fraction of a second of them.
func (j *Journal) Note(entries ...Entry) {
	for i := range entries {
		j.complete(&entries[i])
		j.notes.Put(entries[i].Key, entries[i])
	}
}

// Run writes notes until ctx is done, then writes the rest and returns.
func (j *Journal) Run(ctx context.Context) { j.notes.Run(ctx) }

// List returns a node's entries after the key (empty: from the beginning),
// oldest first, at most limit (0: all).
func (j *Journal) List(ctx context.Context, node, after string, limit int) ([]Entry, error) {
	return j.table.List(ctx, store.Query{Prefix: node + "/", After: after, Limit: limit})
}

// Prune removes a node's entries older than before.
func (j *Journal) Prune(ctx context.Context, node string, before time.Time) error {
	old, err := j.table.List(ctx, store.Query{Prefix: node + "/"})
	if err != nil {
		return err
	}
	var keys []string
	for _, e := range old {
		if e.Time.Before(before) {
			keys = append(keys, e.Key)
		}
	}
	_, err = j.table.Delete(ctx, keys...)
	return err
}

// complete gives the entry its time and its place: keys sort by node, then
// time, then order of arrival.
func (j *Journal) complete(e *Entry) {
	if e.Time.IsZero() {
		e.Time = j.now()
	}
	e.Time = e.Time.UTC()
	e.Key = fmt.Sprintf("%s/%016x%08x", e.Node, e.Time.UnixNano(), j.seq.Add(1))
}
