package store_test

import (
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// What one of the databases cannot have as text none takes, and it is the caller's
// mistake. Who only looks for it may be told that it is not there.
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
			"update": update, "delete": gone} {
			if err != nil && !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.NotFound) {
				t.Errorf("%s of %q: %v", what, text, err)
			}
		}
	}
	for _, d := range []doc{{Key: "zero\x00byte"}, {Key: "no \xff text"}, {Key: "a", Color: "zero\x00byte"}, {Key: strings.Repeat("long", 1000)}} {
		for what, err := range map[string]error{"put": f.docs.Put(ctx, d), "insert": f.docs.Insert(ctx, d)} {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("%s of %.20q, %q: %v", what, d.Key, d.Color, err)
			}
		}
	}
}
