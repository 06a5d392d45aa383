package httpapi

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// members is what Members and Items say of a value, as json.Unmarshal has it.
func members(t *testing.T, value []byte) any {
	if text, is := Text(value); is {
		return text
	}
	if flag, is := Flag(value); is {
		return flag
	}
	if value[0] == '[' {
		list := []any{}
		if !Items(value, func(item []byte) bool { list = append(list, members(t, item)); return true }) {
			t.Fatalf("taken within a whole, but not alone: %s", value)
		}
		return list
	}
	object := map[string]any{}
	if !Members(value, func(name, value []byte) bool { object[string(name)] = members(t, value); return true }) {
		t.Fatalf("taken within a whole, but not alone: %s", value)
	}
	return object
}

// What is read without a decoder is JSON, and says the same.
func FuzzMembersAreThoseOfJSON(f *testing.F) {
	for _, text := range []string{`{}`, ` { "a" : "b" , "c":[ ], "d":{"e":[true,false,"é"]}} `, `{"a":"\u0041"}`, `{"a":1}`, `{"a":null}`,
		`{"a":"b","a":"c"}`, `{"a":"b"}x`, "{\"a\":\"\x00\"}", "{\x00\"a\":\"b\"}", "{\"a\":\"\xff\"}", `{"a":tru}`, `{"a":trues}`, `{,}`, `{"a":"b",}`, `[true]`,
		`{"a":[[[[[[]]]]]]}`, `{"a":{"a":{"a":{"a":{"a":{}}}}}}`, `{"a":}`, `{"a":`, `{"a`, ``} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := map[string]any{}
		if !Members(text, func(name, value []byte) bool { got[string(name)] = members(t, value); return true }) {
			return
		}
		var want map[string]any
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatalf("%q is taken, but %v", text, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q is %v, not %v", text, want, got)
		}
	})
}

func TestOnlyPlainObjectsAreMembers(t *testing.T) {
	take := func([]byte, []byte) bool { return true }
	for text, want := range map[string]bool{
		`{}`: true, ` {"a" : "b","c":true,"d":[],"e":[false,{"f":""}]} `: true,
		`{"a":"\n"}`: false, `{"a":0}`: false, `{"a":null}`: false, `{"a":"b","a":"b"}`: false, `[]`: false, `{}{}`: false, ``: false,
		`{"a":"b"`: false, `{"a" "b"}`: false, `{"a":truest}`: false, `{"a":[}`: false, "{\"a\":\"\t\"}": false, "{\"a\":\"\xc3\"}": false,
		`{"a":` + strings.Repeat("[", 9) + strings.Repeat("]", 9) + `}`: false,
	} {
		if got := Members([]byte(text), take); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
	if Members([]byte(`{"a":"b"}`), func([]byte, []byte) bool { return false }) {
		t.Error("a member that is refused is taken")
	}
	text := []byte(`{"State":"Ready","Flag":"OK"}`)
	if n := testing.AllocsPerRun(100, func() { Members(text, take) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}
