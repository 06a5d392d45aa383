package store

import (
	"encoding/json"
	"fmt"
	"slices"
)

// noteUnlike notes that what now becomes of the document stands in the log alone. If it was
// like its row before, it has one if it is there. One that came and goes without a row is like it again.
func (h *held[T]) noteUnlike(key string, deleted bool) {
	hasRow, is := h.unlike[key]
	if !is {
		_, hasRow = h.docs.Get(key)
	}
	if deleted && !hasRow {
		delete(h.unlike, key)
		return
	}
	h.unlike[key] = hasRow
}

func (h *held[T]) late() int { return len(h.unlike) }

func (h *held[T]) behind() []string {
	keys := make([]string, 0, len(h.unlike))
	for key := range h.unlike {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func (h *held[T]) changes(keys []string, bytes int) (t *tableChanges, n int, err error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	t = &tableChanges{columns: h.table.columns}
	for n = 0; n < len(keys) && (n == 0 || t.bytes < bytes); n++ {
		key := keys[n]
		k, is := h.docs.Get(key)
		switch {
		case is:
			doc, err := json.Marshal(&k.doc)
			if err != nil {
				return nil, 0, fmt.Errorf("encode %s: %w", h.table.spec.Kind, err)
			}
			t.add(&entry{key: key, columns: k.columns, doc: string(doc)})
		case h.unlike[key]:
			t.add(&entry{key: key, deleted: true})
		}
	}
	return t, n, nil
}

func (h *held[T]) settled(keys []string) {
	for _, key := range keys {
		delete(h.unlike, key)
	}
	if len(h.unlike) == 0 {
		h.unlike = map[string]bool{} // a map keeps the memory of what it had
	}
}
