package format

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

// writeTOML prints TOML as clients of the published command line parse it:
// scalars, then arrays of tables, then the sub-tables level by level. TOML
// has no null: such members vanish. An array becomes the member "results".
func writeTOML(b *bytes.Buffer, v any) {
	top, ok := v.(Object)
	if !ok {
		top = Object{{"results", v}}
	}
	level := []table{{"", top}}
	for len(level) > 0 {
		var next []table
		for _, t := range level {
			text, subs := dump(t)
			if t.name != "" && (text != "" || len(subs) == 0) {
				if b.Len() > 0 && !bytes.HasSuffix(b.Bytes(), []byte("\n\n")) {
					b.WriteByte('\n')
				}
				b.WriteString("[" + t.name + "]\n")
			}
			b.WriteString(text)
			next = append(next, subs...)
		}
		level = next
	}
}

type table struct {
	name    string
	members Object
}

func (t table) sub(key string) string {
	if t.name == "" {
		return quoteKey(key)
	}
	return t.name + "." + quoteKey(key)
}

// dump prints a table's scalars and arrays and returns its sub-tables.
func dump(t table) (text string, subs []table) {
	var scalars, arrays strings.Builder
	for _, m := range t.members {
		switch v := m.Value.(type) {
		case nil:
		case Object:
			subs = append(subs, table{t.sub(m.Key), v})
		case []any:
			if !tables(v) {
				scalars.WriteString(quoteKey(m.Key) + " = " + inline(v) + "\n")
				continue
			}
			for _, e := range v {
				arrays.WriteString(arrayTable(table{t.sub(m.Key), e.(Object)}))
			}
		default:
			scalars.WriteString(quoteKey(m.Key) + " = " + inline(v) + "\n")
		}
	}
	return scalars.String() + arrays.String(), subs
}

// arrayTable prints one [[element]] with everything below it, and an empty
// line.
func arrayTable(t table) string {
	var b strings.Builder
	text, level := dump(t)
	b.WriteString("[[" + t.name + "]]\n" + text)
	for len(level) > 0 {
		var next []table
		for _, s := range level {
			text, subs := dump(s)
			if text != "" {
				b.WriteString("\n[" + s.name + "]\n" + text)
			}
			next = append(next, subs...)
		}
		level = next
	}
	return b.String() + "\n"
}

// tables tells whether all elements are objects, and there are any.
func tables(list []any) bool {
	for _, e := range list {
		if _, ok := e.(Object); !ok {
			return false
		}
	}
	return len(list) > 0
}

// inline is what stands behind an equals sign. Arrays look like [ "a", "b",].
func inline(v any) string {
	switch v := v.(type) {
	case []any:
		var b strings.Builder
		b.WriteByte('[')
		for _, e := range v {
			if e != nil {
				b.WriteString(" " + inline(e) + ",")
			}
		}
		return b.String() + "]"
	case Object:
		var pairs []string
		for _, m := range v {
			if m.Value != nil {
				pairs = append(pairs, quoteKey(m.Key)+" = "+inline(m.Value))
			}
		}
		return "{ " + strings.Join(pairs, ", ") + " }"
	case string:
		return quoteTOML(v)
	}
	return fmt.Sprint(v)
}

var bareKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func quoteKey(key string) string {
	if bareKey.MatchString(key) {
		return key
	}
	return quoteTOML(key)
}

func quoteTOML(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}
