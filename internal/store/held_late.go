package store

import (
	"encoding/json"
	"fmt"
	"slices"
)

// noteLate notes that what now becomes of the document stands in the log alone. If it was not
// late before, it has a row if it is there. One that came and goes without a row is late no more.
func (h *held[T]) noteLate(key string, deleted bool) {
	hasRow, is := h.late[key]
	if !is {
		_, hasRow = h.docs.Get(key)
	}
	if deleted && !hasRow {
		delete(h.late, key)
		return
	}
	h.late[key] = hasRow
}

func (h *held[T]) countLate() int { return len(h.late) }

func (h *held[T]) lateKeys() []string {
	keys := make([]string, 0, len(h.late))
	for key := range h.late {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func (h *held[T]) lateChanges(keys []string, bytes int) (t *tableChanges, n int, err error) {
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
			h.late[key] = true
		case h.late[key]:
			t.add(&entry{key: key, deleted: true})
		}
	}
	return t, n, nil
}

func (h *held[T]) settled(keys []string) {
	for _, key := range keys {
		delete(h.late, key)
	}
	if len(h.late) == 0 {
		h.late = map[string]bool{} // a map keeps the memory of what it had
	}
}
