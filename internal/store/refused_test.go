package store_test

import (
	"testing"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// What a database cannot have as text is the caller's mistake, whether it is
// read or written. SQLite takes it, and finds nothing.
func testTextThatIsRefused(t *testing.T, f *fixture) {
	ctx := t.Context()
	for _, text := range []string{"a\x00b", "a\xffb"} {
		_, get := f.docs.Get(ctx, text)
		_, list := f.docs.List(ctx, store.Query{Keys: []string{"a", text}})
		_, after := f.docs.List(ctx, store.Query{After: text})
		_, where := f.docs.List(ctx, store.Query{Where: []store.Match{store.Is("color", text)}})
		_, count := f.docs.Count(ctx, store.Query{Keys: []string{text}})
		_, _, update := f.docs.Update(ctx, []string{text}, func(*doc) error { return nil })
		_, gone := f.docs.Delete(ctx, text)
		for what, err := range map[string]error{"get": get, "list": list, "after": after, "where": where, "count": count,
			"update": update, "delete": gone, "insert": f.docs.Insert(ctx, doc{Key: text})} {
			if err != nil && !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.NotFound) {
				t.Errorf("%s of %q: %v", what, text, err)
			}
		}
	}
}
