package carry_test

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/drover-hpc/drover/internal/httpapi/carry"
)

type word string

type inner struct {
	Text  string  `json:"text"`
	Share float64 `json:"share,omitempty"`
}

type base struct {
	ID   word   `json:"id"`
	Note string `json:",omitempty"`
}

// whole has one field of each kind that services answer with.
type whole struct {
	base
	Flag    bool            `json:"flag"`
	Count   int             `json:"count"`
	Small   uint8           `json:"small"`
	Number  float64         `json:"number"`
	Maybe   *int            `json:"maybe,omitempty"`
	Never   *string         `json:"never"`
	At      time.Time       `json:"at,omitzero"`
	Then    *time.Time      `json:"then"`
	Part    inner           `json:"part"`
	Other   *inner          `json:"other"`
	List    []inner         `json:"list"`
	Words   []word          `json:"words,omitempty"`
	Bytes   []byte          `json:"bytes"`
	Tags    map[string]word `json:"tags"`
	Parts   map[string]inner
	Any     any        `json:"any"`
	Own     written    `json:"own"`
	Within  *whole     `json:"within"`
	Pair    [2]int     `json:"pair"`
	Left    string     `json:"-"`
	Omitted []string   `json:"omitted,omitzero"`
	Grid    [][]string `json:"grid"`
	hidden  int
}

// written writes its own JSON.
type written struct{ a, b string }

func (w written) MarshalJSON() ([]byte, error) { return json.Marshal([]string{w.a, w.b}) }
func (w *written) UnmarshalJSON(text []byte) error {
	var both []string
	if err := json.Unmarshal(text, &both); err != nil {
		return err
	}
	w.a, w.b = both[0], both[1]
	return nil
}

// view is what a client that is told less has for it: other types, other
// letter cases, a pointer where the other end has none and the other way round.
type view struct {
	Id    *string
	Count int64   `json:"count"`
	Maybe int     `json:"maybe"`
	Never *string `json:"never"`
	At    string  `json:"at"`
	Part  *struct {
		TEXT  string
		Share float64 `json:"share"`
	} `json:"part"`
	Other inner            `json:"other"`
	List  []map[string]any `json:"list"`
	Tags  map[string]any   `json:"tags"`
	Any   any              `json:"any"`
	Flag  any              `json:"flag"`
}

func texts() *rapid.Generator[string] {
	return rapid.OneOf(rapid.String(), rapid.Just("a\xffb\xc3"), rapid.Just("<&>\u2028"))
}

func times() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		at := time.Unix(rapid.Int64Range(-1<<33, 1<<33).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns"))
		return rapid.SampledFrom([]time.Time{at.UTC(), at, at.In(time.FixedZone("", 3600)), {}}).Draw(t, "at")
	})
}

func anything(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		most := 7
		if depth == 0 {
			most = 4
		}
		switch rapid.IntRange(0, most).Draw(t, "kind") {
		case 0:
			return nil
		case 1:
			return texts().Draw(t, "s")
		case 2:
			return rapid.Float64Range(-1e9, 1e9).Draw(t, "f")
		case 3:
			return rapid.Bool().Draw(t, "b")
		case 4:
			return rapid.Int().Draw(t, "i")
		case 5:
			return rapid.MapOfN(texts(), anything(depth-1), 0, 3).Draw(t, "m")
		case 6:
			return rapid.SliceOfN(anything(depth-1), 0, 3).Draw(t, "l")
		}
		return inner{texts().Draw(t, "s"), 1}
	})
}

func inners() *rapid.Generator[inner] {
	return rapid.Custom(func(t *rapid.T) inner { return inner{texts().Draw(t, "text"), rapid.Float64().Draw(t, "share")} })
}

func words() *rapid.Generator[word] {
	return rapid.Map(texts(), func(s string) word { return word(s) })
}

func maybe[T any](t *rapid.T, g *rapid.Generator[T]) *T { return rapid.Ptr(g, true).Draw(t, "pointer") }

// slices and maps may be nil, empty and longer.
func list[T any](t *rapid.T, g *rapid.Generator[T]) []T {
	if rapid.Bool().Draw(t, "nil") {
		return nil
	}
	return rapid.SliceOfN(g, 0, 3).Draw(t, "list")
}

func wholes(depth int) *rapid.Generator[whole] {
	return rapid.Custom(func(t *rapid.T) whole {
		w := whole{base: base{words().Draw(t, "id"), texts().Draw(t, "note")}, Flag: rapid.Bool().Draw(t, "flag"), Count: rapid.Int().Draw(t, "count"),
			Small: rapid.Uint8().Draw(t, "small"), Number: rapid.Float64().Draw(t, "number"), Maybe: maybe(t, rapid.Int()), Never: maybe(t, texts()),
			At: times().Draw(t, "at"), Then: maybe(t, times()), Part: inners().Draw(t, "part"), Other: maybe(t, inners()), List: list(t, inners()),
			Words: list(t, words()), Bytes: list(t, rapid.Byte()), Any: anything(2).Draw(t, "any"), Own: written{"a", "b"}, Pair: [2]int{1, 2},
			Left: "left", Omitted: list(t, texts()), hidden: 1}
		if rapid.Bool().Draw(t, "maps") {
			w.Tags = rapid.MapOfN(texts(), words(), 0, 3).Draw(t, "tags")
			w.Parts = rapid.MapOfN(rapid.StringN(0, 3, -1), inners(), 0, 3).Draw(t, "parts")
		}
		for range rapid.IntRange(0, 2).Draw(t, "grid") {
			w.Grid = append(w.Grid, list(t, texts()))
		}
		if depth > 0 {
			w.Within = maybe(t, wholes(depth-1))
		}
		return w
	})
}

// same wants of To what decoding the JSON of v makes of it.
func same[To any](t *rapid.T, v any) {
	var got, want To
	text, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(text, &want)
	}
	carried := carry.Into(&got, v)
	if err != nil {
		if carried {
			t.Fatalf("carried what JSON does not: %v", err)
		}
		want = *new(To)
	}
	if err == nil && !carried {
		t.Fatalf("not carried: %s", text)
	}
	if diff := cmp.Diff(want, got, cmp.Exporter(func(reflect.Type) bool { return true }), cmp.Comparer(func(a, b time.Time) bool {
		_, left := a.Zone()
		_, right := b.Zone()
		return a.Equal(b) && left == right
	})); diff != "" {
		t.Fatalf("carried otherwise than by %s\n%s", text, diff)
	}
}

func TestCarriesAsJSONDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := wholes(2).Draw(t, "whole")
		same[whole](t, w)
		same[whole](t, &w)
		same[*whole](t, w)
		same[any](t, w)
		same[[]whole](t, []whole{w, {}})
		same[map[string]any](t, w)
	})
}

func TestCarriesToAClientsOwnType(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := wholes(1).Draw(t, "whole")
		same[view](t, w)
		same[struct{ Whole []view }](t, struct{ Whole []whole }{[]whole{w}})
	})
}

func TestWhatJSONCannotCarryIsNotCarried(t *testing.T) {
	for name, v := range map[string]any{"infinite": inner{Share: math.Inf(1)}, "no number": []float64{math.NaN()}, "channel": make(chan int),
		"year": struct{ At time.Time }{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}} {
		var to any
		if carry.Into(&to, v) || to != nil {
			t.Errorf("%s: carried as %v", name, to)
		}
	}
	var number int
	if carry.Into(&number, "text") || carry.Into(&number, whole{}) || number != 0 {
		t.Errorf("a text became the number %d", number)
	}
	full := inner{Text: "is not zero"}
	if carry.Into(&full, inner{}) {
		t.Error("what is there already was overwritten")
	}
}

// Who is handed a value may alter it.
func TestEndsShareNothing(t *testing.T) {
	number, text := 1, "never"
	w := whole{Maybe: &number, Never: &text, Other: &inner{Text: "other"}, List: []inner{{Text: "list"}}, Words: []word{"word"}, Bytes: []byte("bytes"),
		Tags: map[string]word{"a": "b"}, Any: map[string]any{"list": []any{"a"}}, Grid: [][]string{{"grid"}}, Within: &whole{Words: []word{"within"}}}
	before, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	var got whole
	if !carry.Into(&got, w) {
		t.Fatal("not carried")
	}
	*got.Maybe, *got.Never, got.Other.Text, got.List[0].Text, got.Words[0], got.Bytes[0] = 2, "x", "x", "x", "x", 'x'
	got.Tags["a"], got.Any.(map[string]any)["list"].([]any)[0], got.Grid[0][0], got.Within.Words[0] = "x", "x", "x", "x"
	if after, err := json.Marshal(w); err != nil || string(after) != string(before) {
		t.Errorf("altered to %s, %v", after, err)
	}
}
