package store

import "github.com/tidwall/btree"

// index has the keys of the documents by the value of a column.
type index map[string]keySet

// keySet is one key or more. The values of many columns belong to one document
// each: a set for each of them would take more memory than the documents.
type keySet struct {
	lone string
	many *btree.Set[string] // nil: there is one
}

func (ix index) add(value, key string) {
	keys, is := ix[value]
	switch {
	case !is:
		ix[value] = keySet{lone: key}
	case keys.many != nil:
		keys.many.Insert(key)
	case keys.lone != key:
		many := &btree.Set[string]{}
		many.Insert(keys.lone)
		many.Insert(key)
		ix[value] = keySet{many: many}
	}
}

func (ix index) remove(value, key string) {
	keys := ix[value]
	if keys.many != nil {
		keys.many.Delete(key)
	}
	if keys.lone == key || keys.many != nil && keys.many.Len() == 0 {
		delete(ix, value)
	}
}

// count is how many documents have the value.
func (ix index) count(value string) int {
	keys, is := ix[value]
	switch {
	case !is:
		return 0
	case keys.many != nil:
		return keys.many.Len()
	}
	return 1
}

// keys are those of the documents that have the value, in order.
func (ix index) keys(value string) []string {
	keys, is := ix[value]
	switch {
	case !is:
		return nil
	case keys.many != nil:
		return keys.many.Keys()
	}
	return []string{keys.lone}
}
