package journal

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/drover-hpc/drover/internal/batch"
	"github.com/drover-hpc/drover/internal/store"
)

// Journal writes and reads entries. Its methods are safe for concurrent use.
type Journal struct {
	// Limits say what is kept. Set them before Run.
	Limits Limits

	segments *store.Segments
	former   *store.Table[Entry]
	db       *store.DB
	now      func() time.Time
	notes    batch.Writer[uint32, line]

	// writer and seq make the keys of segments and entries unique, whatever
	// other servers write at the same time.
	writer string
	seq    atomic.Uint32

	entries, bytes atomic.Int64 // written
}

// Written is how much was.
type Written struct{ Entries, Bytes int64 }

// Written tells how much was written so far; what a transaction took back counts.
func (j *Journal) Written() Written { return Written{j.entries.Load(), j.bytes.Load()} }

// flushAfter and flushAt bound how long and how many notes wait in memory.
const (
	flushAfter = 200 * time.Millisecond
	flushAt    = 2000
)

// maxLines bounds the entries of a segment, and so what is read in vain of one.
const maxLines = 1000

// New returns the journal in db. Run has it write notes and keep its limits.
func New(db *store.DB, now func() time.Time) *Journal {
	j := &Journal{db: db, now: now, segments: store.NewSegments(db, "journal_segments"), former: formerTable(db),
		writer: fmt.Sprintf("%016x", rand.Uint64())}
	j.seq.Store(rand.Uint32N(1 << 31))
	j.notes.What, j.notes.Every, j.notes.Full, j.notes.Write = "journal entries", flushAfter, flushAt, j.write
	return j
}

// Append writes entries, in the transaction of ctx if there is one. A zero
// Time becomes now.
func (j *Journal) Append(ctx context.Context, entries ...Entry) error {
	lines := make([]line, len(entries))
	for i := range entries {
		lines[i] = j.line(entries[i])
	}
	return j.write(ctx, lines)
}

// Note hands entries to be written soon. A killed process may lose the last
// fraction of a second of them.
func (j *Journal) Note(entries ...Entry) {
	for i := range entries {
		l := j.line(entries[i])
		j.notes.Put(l.seq, l)
	}
}

// line gives the entry its time and its place.
func (j *Journal) line(e Entry) line {
	if e.Time.IsZero() {
		e.Time = j.now()
	}
	e.Time = e.Time.UTC()
	return line{Entry: e, seq: j.seq.Add(1)}
}

// write writes lines, in as few segments as may be.
func (j *Journal) write(ctx context.Context, lines []line) error {
	sortLines(lines)
	var segments []store.Segment
	for part := range slices.Chunk(lines, maxLines) {
		segments = append(segments, j.segment(part))
	}
	if err := j.segments.Append(ctx, segments...); err != nil {
		return err
	}
	j.entries.Add(int64(len(lines)))
	for i := range segments {
		j.bytes.Add(int64(len(segments[i].Index) + len(segments[i].Data)))
	}
	return nil
}

// shared is what the keys of segments of several nodes begin with in place of
// a node's name.
const shared = "*"

// segment makes a segment of sorted lines. One of a single node is found by
// its key, others by their index.
func (j *Journal) segment(lines []line) store.Segment {
	newest := int64(0)
	var nodes []string
	for i := range lines {
		newest = max(newest, lines[i].Time.UnixNano())
		if i == 0 || lines[i].Node != lines[i-1].Node {
			nodes = append(nodes, lines[i].Node)
		}
	}
	of, index := nodes[0], []byte(nil)
	if len(nodes) > 1 || !ownKeys(of) {
		of, index = shared, store.NameIndex(nodes)
	}
	key := fmt.Sprintf("%s%s%08x", segmentKey(of, newest), j.writer, j.seq.Add(1)) // another one each time that lines are written again
	return store.Segment{Key: key, Newest: newest, Index: index, Data: encode(lines)}
}

// ownKeys tells whether the name can stand in a key. Names come from whoever
// asks the object store for something, and PostgreSQL takes no text with a
// zero byte or damaged UTF-8.
func ownKeys(node string) bool {
	return node != "" && node != shared && utf8.ValidString(node) && !strings.Contains(node, "\x00")
}

// segmentKey is the beginning of the keys of the segments with the newest
// entry at that time. They sort by it.
func segmentKey(of string, newest int64) string { return fmt.Sprintf("%s/%016x", of, newest) }
