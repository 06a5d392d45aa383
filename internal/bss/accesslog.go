package bss

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"

	"github.com/drover-hpc/drover/internal/store"
)

// accessLog keeps the last access of each host to each endpoint. Those that
// come together are added as one segment; now and then all segments are
// written anew, without what newer ones say.
type accessLog struct {
	db       *store.DB
	segments *store.Segments
	former   *store.Table[EndpointAccess] // a row each, as they were kept before
	added    atomic.Int64
}

const (
	// shortenAfter is how many segments are added before all are written anew.
	shortenAfter = 100
	// accessesOfSegment bounds what is read in vain of a segment.
	accessesOfSegment = 1000
)

func newAccessLog(db *store.DB) *accessLog {
	return &accessLog{db: db, segments: store.NewSegments(db, "bss_endpoint_accesses"), former: store.NewTable(db, store.Spec[EndpointAccess]{
		Name: "bss_endpoint_history", Kind: "Endpoint access", Key: (*EndpointAccess).key})}
}

// add adds accesses. It may be given some again.
func (l *accessLog) add(ctx context.Context, accesses []EndpointAccess) error {
	if err := l.write(ctx, accesses); err != nil {
		return err
	}
	if l.added.Add(1)%shortenAfter == 0 {
		l.shorten(ctx)
	}
	return nil
}

func (l *accessLog) write(ctx context.Context, accesses []EndpointAccess) error {
	var segments []store.Segment
	for part := range slices.Chunk(accesses, accessesOfSegment) {
		names := make([]string, len(part))
		for i := range part {
			names[i] = part[i].Name
		}
		data, err := json.Marshal(part)
		if err != nil {
			return err
		}
		segments = append(segments, store.Segment{Key: fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64()), Index: store.NameIndex(names), Data: data})
	}
	return l.segments.Append(ctx, segments...)
}

// list returns the last accesses of the host (empty: of all), in the order of
// their keys.
func (l *accessLog) list(ctx context.Context, name string) ([]EndpointAccess, error) {
	q := store.Query{}
	if name != "" {
		q.Prefix = name + "/"
	}
	// What has rows of its own comes first: while it is moved, it is found in
	// both places rather than in none.
	former, err := l.former.List(ctx, q)
	if err != nil {
		return nil, err
	}
	found, _, err := l.read(ctx, name)
	return lastOf(append(former, found...), name), err
}

// read returns what the segments say of the host (empty: of all), and their
// keys.
func (l *accessLog) read(ctx context.Context, name string) (out []EndpointAccess, keys []string, err error) {
	has := func([]byte) bool { return true }
	if name != "" {
		has = store.MayHave(name)
	}
	for {
		if keys, err = l.segments.Find(ctx, "", "~", has); err != nil {
			return nil, nil, err
		}
		out = out[:0]
		still := 0
		err = l.segments.Read(ctx, keys, func(key string, data []byte) error {
			still++
			var accesses []EndpointAccess
			if err := json.Unmarshal(data, &accesses); err != nil {
				return fmt.Errorf("endpoint accesses %s: %w", key, err)
			}
			out = append(out, accesses...)
			return nil
		})
		if err != nil || still == len(keys) {
			return out, keys, err
		} // else they were written anew in between
	}
}

// lastOf picks the last access of each host, or of the named one, to each
// endpoint.
func lastOf(accesses []EndpointAccess, name string) []EndpointAccess {
	last := map[string]EndpointAccess{}
	for _, a := range accesses {
		if known, more := last[a.key()]; (name == "" || a.Name == name) && (!more || a.LastEpoch > known.LastEpoch) {
			last[a.key()] = a
		}
	}
	out := make([]EndpointAccess, 0, len(last))
	for _, key := range slices.Sorted(maps.Keys(last)) {
		out = append(out, last[key])
	}
	return out
}

// shorten writes all segments anew. If it cannot, they stay as they are.
func (l *accessLog) shorten(ctx context.Context) {
	err := l.db.InTx(ctx, func(ctx context.Context) error {
		former, err := l.former.List(ctx, store.Query{})
		if err != nil {
			return err
		}
		found, keys, err := l.read(ctx, "")
		if err != nil || len(former) == 0 && len(keys) < 2 {
			return err
		}
		moved := make([]string, len(former))
		for i := range former {
			moved[i] = former[i].key()
		}
		if _, err := l.former.Delete(ctx, moved...); err != nil {
			return err
		}
		if err := l.segments.Delete(ctx, keys...); err != nil {
			return err
		}
		return l.write(ctx, lastOf(append(former, found...), ""))
	})
	if err != nil && ctx.Err() == nil {
		slog.Warn("accesses to endpoints not written anew; will be repeated", "error", err)
	}
}
