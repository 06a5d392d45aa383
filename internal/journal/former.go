package journal

import (
	"context"
	"log/slog"
	"strings"
	"unicode/utf8"

	"github.com/drover-hpc/drover/internal/store"
)

// formerTable has a row for each entry, as the journal was kept before.
func formerTable(db *store.DB) *store.Table[Entry] {
	return store.NewTable(db, store.Spec[Entry]{Name: "journal", Kind: "Journal entry", Key: func(e *Entry) string { return e.Key }})
}

func (j *Journal) listFormer(ctx context.Context, node, after string) ([]Entry, error) {
	if !ownKeys(node) {
		return nil, nil
	}
	return j.former.List(ctx, store.Query{Prefix: node + "/", After: after})
}

// moveFormer moves entries that have rows of their own into segments; they
// keep their keys. Afterwards it finds nothing to do.
func (j *Journal) moveFormer(ctx context.Context) error {
	for after, moved := "", 0; ; {
		entries, err := j.former.List(ctx, store.Query{After: after, Limit: maxLines})
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			if moved > 0 {
				slog.Info("journal moved into segments", "entries", moved)
			}
			return nil
		}
		keys := make([]string, len(entries))
		for i := range entries {
			keys[i] = entries[i].Key
		}
		n, err := j.move(ctx, keys)
		if err != nil {
			return err
		}
		after, moved = keys[len(keys)-1], moved+n
		if n < len(keys) {
			after = behind(after)
		}
	}
}

// move moves those of the entries that no other server has moved meanwhile,
// and returns how many.
func (j *Journal) move(ctx context.Context, keys []string) (n int, err error) {
	err = j.db.InTx(ctx, func(ctx context.Context) error {
		gone, err := j.former.Delete(ctx, keys...)
		if err != nil {
			return err
		}
		lines := make([]line, len(gone))
		for i, e := range gone {
			_, seq, _ := placeOf(e.Node, e.Key)
			lines[i] = line{Entry: e, seq: seq}
		}
		n = len(gone)
		return j.write(ctx, lines)
	})
	return n, err
}

// behind is where to go on after a key that was perhaps not found. In SQLite a
// key can be no UTF-8, which its document does not tell: rows of such names are
// passed over, and stay.
func behind(key string) string {
	if at := strings.IndexRune(key, utf8.RuneError); at >= 0 {
		return key[:at] + "\xff\xff\xff\xff"
	}
	return key
}
