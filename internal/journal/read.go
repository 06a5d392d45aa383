package journal

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/store"
)

// List returns a node's entries after the key (empty: from the beginning),
// oldest first, at most limit (0: all).
func (j *Journal) List(ctx context.Context, node, after string, limit int) ([]Entry, error) {
	// What has rows of its own comes first: while it is moved, it is found in
	// both places rather than in none.
	out, err := j.listFormer(ctx, node, after)
	if err != nil {
		return nil, err
	}
	keys, err := j.find(ctx, node, after)
	if err != nil {
		return nil, err
	}
	err = j.segments.Read(ctx, keys, func(key string, data []byte) error {
		found, err := decode(data, node)
		if err != nil {
			return fmt.Errorf("journal segment %s: %w", key, err)
		}
		for _, e := range found {
			if e.Key > after {
				out = append(out, e)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	// An entry that was written again, because it was not known whether it had
	// been, is told once.
	slices.SortFunc(out, func(a, b Entry) int { return strings.Compare(a.Key, b.Key) })
	out = slices.Compact(out)
	if limit > 0 && len(out) > limit {
		out = out[:limit]
	}
	return out, nil
}

// find returns the keys of the segments that may have entries of the node
// after the key.
func (j *Journal) find(ctx context.Context, node, after string) ([]string, error) {
	since, _, ok := placeOf(node, after)
	if !ok {
		since = 0
	}
	keys, err := j.segments.Find(ctx, segmentKey(shared, since), segmentKey(shared, math.MaxInt64), store.MayHave(node))
	if err != nil || !ownKeys(node) {
		return keys, err
	}
	own, err := j.segments.Find(ctx, segmentKey(node, since), segmentKey(node, math.MaxInt64),
		func([]byte) bool { return true })
	return append(keys, own...), err
}
