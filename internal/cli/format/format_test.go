package format_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/drover-hpc/drover/internal/cli/format"
)

func TestWrite(t *testing.T) {
	for name, c := range map[string]struct{ format, in, want string }{
		"order and non-ASCII": {"json", `{"b": "é€😀<", "a": [1, 2.50, []], "c": {}}`,
			"{\n  \"b\": \"\\u00e9\\u20ac\\ud83d\\ude00<\",\n  \"a\": [\n    1,\n    2.50,\n    []\n  ],\n  \"c\": {}\n}\n"},
		"bare array":              {"json", `["x"]`, "[\n  \"x\"\n]\n"},
		"scalars of a TOML array": {"toml", `["a", "b"]`, "results = [ \"a\", \"b\",]\n"},
		"an empty TOML array":     {"toml", `[]`, "results = []\n"},
		"array of tables": {"toml", `[{"name": "a", "n": 1}, {"name": "b", "s": {"t": true}}]`,
			"[[results]]\nname = \"a\"\nn = 1\n\n[[results]]\nname = \"b\"\n\n[results.s]\nt = true\n\n"},
		"null vanishes, scalars before tables, breadth first": {"toml",
			`{"a": {"x": {"y": 1}, "z": "q\"\n"}, "gone": null, "b": {"w": [null, 1]}, "last": 2}`,
			"last = 2\n\n[a]\nz = \"q\\\"\\n\"\n\n[b]\nw = [ 1,]\n\n[a.x]\ny = 1\n"},
		"nested arrays of tables": {"toml", `{"a": {"b": [{"c": 1}, {"c": 2}]}}`, "[a]\n[[a.b]]\nc = 1\n\n[[a.b]]\nc = 2\n\n"},
		"keys that need quotes":   {"toml", `{"a.b": {"c d": 1}}`, "[\"a.b\"]\n\"c d\" = 1\n"},
		"an empty table":          {"toml", `{"a": {}}`, "[a]\n"},
		"yaml": {"yaml", `{"b": "yes", "a": [{"x": null}], "n": 10, "f": false, "e": [], "d": "0:01:23", "s": "10"}`,
			"b: \"yes\"\na:\n  - x: null\n\"n\": 10\nf: false\ne: []\nd: \"0:01:23\"\ns: \"10\"\n"},
		"text as it is": {"toml", "Valid", "Valid\n"},
		"a JSON string": {"json", `"Valid"`, "Valid\n"},
		"a JSON number": {"toml", `3`, "3\n"},
		"nothing":       {"json", "", "\n"},
	} {
		var out bytes.Buffer
		if err := format.Write(&out, c.format, []byte(c.in)); err != nil || out.String() != c.want {
			t.Errorf("%s: %v\n got %q\nwant %q", name, err, out.String(), c.want)
		}
	}
}

func objects(depth int) *rapid.Generator[map[string]any] {
	return rapid.MapOfN(rapid.StringMatching(`[a-c.]{1,2}`), values(depth-1), 0, 4)
}

// values are JSON values that hold others up to the depth.
func values(depth int) *rapid.Generator[any] {
	scalar := rapid.OneOf(rapid.Just[any](nil), rapid.StringMatching(`[ -~é€\n\t]{0,6}`).AsAny(),
		rapid.Bool().AsAny(), rapid.IntRange(-9, 9999).AsAny())
	if depth == 0 {
		return scalar
	}
	return rapid.OneOf(scalar, objects(depth).AsAny(), rapid.SliceOfN(objects(depth), 0, 3).AsAny(),
		rapid.SliceOfN(values(depth-1), 0, 3).AsAny())
}

// What is printed as TOML reads as what the JSON said, but for nulls and for
// empty tables.
func TestTOMLReadsTheSame(t *testing.T) {
	object := objects(3)
	rapid.Check(t, func(t *rapid.T) {
		in := object.Draw(t, "object")
		raw, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := format.Write(&out, "toml", raw); err != nil {
			t.Fatal(err)
		}
		var want, got any
		var read map[string]any
		if err := toml.Unmarshal(out.Bytes(), &read); err != nil {
			t.Fatalf("%v in\n%s\nfor %s", err, out.String(), raw)
		}
		back, _ := json.Marshal(read)
		json.Unmarshal(back, &got) //nolint:errcheck // just encoded
		json.Unmarshal(raw, &want) //nolint:errcheck // just encoded
		if diff := cmp.Diff(plain(want), plain(got)); diff != "" {
			t.Fatalf("%s\n%s", diff, out.String())
		}
	})
}

// plain leaves nulls and empty tables out.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			if p := plain(e); p != nil {
				out[k] = p
			}
		}
		if len(out) > 0 {
			return out
		}
		return nil
	case []any:
		out := []any{}
		for _, e := range v {
			if p := plain(e); p != nil {
				out = append(out, p)
			}
		}
		return out
	}
	return v
}

func TestUnknownFormat(t *testing.T) {
	if err := format.Write(&bytes.Buffer{}, "xml", []byte("{}")); err == nil {
		t.Error("no error for an unknown format")
	}
}
