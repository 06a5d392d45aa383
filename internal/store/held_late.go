package store

import (
	"encoding/json"
	"fmt"
	"slices"
)

// noteLate notes that what becomes of the document stands in the log alone. It has a row
// if it is there already and was not late before.
func (h *held[T]) noteLate(key string) {
	if _, is := h.late[key]; !is {
		_, h.late[key] = h.docs.Get(key)
	}
}

func (h *held[T]) behind() []string {
	keys := make([]string, 0, len(h.late))
	for key := range h.late {
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
