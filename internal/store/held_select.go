package store

import (
	"fmt"
	"slices"
	"strings"
)

// selection is a Query on a held table.
type selection struct {
	keys   []string // sorted, each once; nil: all
	prefix string
	after  string
	where  []columnMatch
}

// columnMatch holds when the column, by its place among the indexes, has one of
// the values.
type columnMatch struct {
	column int
	in     []string
}

func (h *held[T]) selection(q Query) (selection, error) {
	s := selection{prefix: q.Prefix, after: q.After}
	if q.Keys != nil {
		s.keys = slices.Clone(q.Keys)
		if !slices.IsSorted(s.keys) {
			slices.Sort(s.keys)
		}
		s.keys = slices.Compact(s.keys)
	}
	for _, m := range q.Where {
		at := slices.IndexFunc(h.table.spec.Indexes, func(ix Index[T]) bool { return ix.Column == m.Column })
		if at < 0 {
			return s, fmt.Errorf("read %s: no column %q", h.table.spec.Name, m.Column)
		}
		s.where = append(s.where, columnMatch{at, m.In})
	}
	return s, nil
}

// has tells whether a document with the key and the columns is selected.
func (s *selection) has(key string, columns []string) bool {
	if s.keys != nil {
		if _, is := slices.BinarySearch(s.keys, key); !is {
			return false
		}
	}
	return s.matches(key, columns)
}

// matches is has but for the keys.
func (s *selection) matches(key string, columns []string) bool {
	if !strings.HasPrefix(key, s.prefix) || key <= s.after && s.after != "" {
		return false
	}
	for _, m := range s.where {
		if !slices.Contains(m.in, columns[m.column]) {
			return false
		}
	}
	return true
}

// committed selects at most limit of the committed documents (0: all), in key
// order: by key, by the column with the fewest documents, or all in turn.
func (h *held[T]) committed(s selection, limit int) (found []*kept[T]) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	take := func(key string, k *kept[T]) (more bool) {
		if s.matches(key, k.columns) {
			found = append(found, k)
		}
		return limit <= 0 || len(found) < limit
	}
	keys := s.keys
	if keys == nil && len(s.where) > 0 {
		keys = h.narrowest(s.where)
	}
	if keys != nil || len(s.where) > 0 {
		for _, key := range keys {
			if k, is := h.docs.Get(key); is && !take(key, k) {
				break
			}
		}
		return found
	}
	h.docs.Ascend(max(s.prefix, s.after), func(key string, k *kept[T]) bool {
		return strings.HasPrefix(key, s.prefix) && take(key, k)
	})
	return found
}

// narrowest are the keys, in order, that match the condition which the fewest
// match.
func (h *held[T]) narrowest(where []columnMatch) []string {
	best, fewest := 0, -1
	for i, m := range where {
		n := 0
		for _, value := range m.in {
			n += h.indexes[m.column].count(value)
		}
		if fewest < 0 || n < fewest {
			best, fewest = i, n
		}
	}
	out := make([]string, 0, fewest)
	for _, value := range where[best].in {
		out = append(out, h.indexes[where[best].column].keys(value)...)
	}
	if len(where[best].in) > 1 {
		slices.Sort(out)
		out = slices.Compact(out) // a value given twice
	}
	return out
}

func (h *held[T]) sort(docs []*kept[T]) {
	slices.SortFunc(docs, func(a, b *kept[T]) int {
		return strings.Compare(h.table.spec.Key(&a.doc), h.table.spec.Key(&b.doc))
	})
}
