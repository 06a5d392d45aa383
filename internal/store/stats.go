package store

import "sync/atomic"

// Stats is what a database was made to do since it was opened.
type Stats struct {
	Written int64 // rows given to the engine to write, or deleted
	Decoded int64 // documents decoded from JSON
}

// Stats counts also what was rolled back.
func (db *DB) Stats() Stats {
	return Stats{Written: db.counts.written.Load(), Decoded: db.counts.decoded.Load()}
}

type counts struct{ written, decoded atomic.Int64 }
