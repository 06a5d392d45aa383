package format_test

import (
	"bytes"
	"testing"

	"github.com/BurntSushi/toml"

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

// What is printed as TOML has to be TOML.
func TestTOMLCanBeRead(t *testing.T) {
	const session = `{"name": "s", "ansible": {"limit": "", "passthrough": null}, "target": {"definition": "image",
		"groups": [{"name": "Compute", "members": ["a", "b"]}, {"name": "UAN", "members": []}], "image_map": []},
		"status": {"artifacts": [{"image_id": "1"}], "session": {"status": "running", "job": null}}, "tags": {"bos_session": "b"}}`
	var out bytes.Buffer
	if err := format.Write(&out, "toml", []byte("["+session+","+session+"]")); err != nil {
		t.Fatal(err)
	}
	var read struct {
		Results []struct {
			Name   string
			Target struct{ Groups []struct{ Name string } }
			Status struct{ Session struct{ Status string } }
		}
	}
	if err := toml.Unmarshal(out.Bytes(), &read); err != nil {
		t.Fatalf("%v in\n%s", err, out.String())
	}
	if len(read.Results) != 2 || read.Results[1].Target.Groups[1].Name != "UAN" || read.Results[0].Status.Session.Status != "running" {
		t.Errorf("read back %+v of\n%s", read, out.String())
	}
}

func TestUnknownFormat(t *testing.T) {
	if err := format.Write(&bytes.Buffer{}, "xml", []byte("{}")); err == nil {
		t.Error("no error for an unknown format")
	}
}
