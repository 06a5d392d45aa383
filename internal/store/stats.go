package store

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/drover-hpc/drover/internal/metrics/tally"
)

// Stats is what a database was made to do since it was opened.
type Stats struct {
	Written int64 // rows given to the engine to write, or deleted
	Decoded int64 // documents decoded from JSON
	Parts   int64 // transactions of callers that were committed
	Failed  int64 // those that the database did not take
	// Unsettled is how much the log of changes has now that does not stand in its tables' rows, in bytes.
	Unsettled int64
}

// Stats counts also what was rolled back.
func (db *DB) Stats() Stats {
	return Stats{Written: db.counts.written.Load(), Decoded: db.counts.decoded.Load(),
		Parts: db.counts.parts.Load(), Failed: db.counts.failed.Load(), Unsettled: db.counts.unsettled.Load()}
}

// Commits is how long commits took, each of one or more transactions.
func (db *DB) Commits() *tally.Durations { return db.counts.commits }

// Size is how many bytes the database takes on its disk.
func (db *DB) Size(ctx context.Context) (size int64, err error) {
	rows, err := db.readers.QueryContext(ctx, db.dialect.size())
	if err != nil {
		return 0, fmt.Errorf("size of the database: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&size); err != nil {
			return 0, fmt.Errorf("size of the database: %w", err)
		}
	}
	return size, rows.Err()
}

type counts struct {
	written, decoded, parts, failed, unsettled atomic.Int64
	commits                                    *tally.Durations
}
