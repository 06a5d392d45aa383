package contract

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// violations are where a decoded answer is not as the schema says. Properties
// that the schema does not name are violations too, unless it takes any.
func (d document) violations(schema object, v any, at string) []string {
	s := d.flat(schema)
	for _, word := range []string{"oneOf", "anyOf"} {
		if list, ok := s[word].([]any); ok {
			return d.closest(list, v, at)
		}
	}
	if v == nil {
		if s["nullable"] == true || s["x-nullable"] == true || s["type"] == nil {
			return nil
		}
		return []string{at + ": null"}
	}
	wrong := func(format string, args ...any) []string { return []string{at + ": " + fmt.Sprintf(format, args...)} }
	if list, ok := s["enum"].([]any); ok && !slices.Contains(list, v) {
		return wrong("%v is none of %v", v, list)
	}
	kind, _ := s["type"].(string)
	switch v := v.(type) {
	case string:
		if kind != "" && kind != "string" {
			return wrong("a string, not of type %s", kind)
		}
		return d.text(s, v, at)
	case bool:
		if kind != "" && kind != "boolean" {
			return wrong("a boolean, not of type %s", kind)
		}
	case float64:
		least, bounded := s["minimum"].(float64)
		if kind != "" && kind != "number" && (kind != "integer" || v != float64(int64(v))) || bounded && v < least {
			return wrong("%v, not of type %s from %v", v, kind, s["minimum"])
		}
	case []any:
		if kind != "" && kind != "array" {
			return wrong("an array, not of type %s", kind)
		}
		var out []string
		items, _ := s["items"].(object)
		for i, e := range v {
			out = append(out, d.violations(items, e, fmt.Sprintf("%s[%d]", at, i))...)
		}
		return out
	case object:
		if kind != "" && kind != "object" {
			return wrong("an object, not of type %s", kind)
		}
		return d.members(s, v, at)
	}
	return nil
}

func (d document) closest(alternatives []any, v any, at string) []string {
	var best []string
	for i, a := range alternatives {
		found := d.violations(a.(object), v, at)
		if len(found) == 0 {
			return nil
		}
		if i == 0 || len(found) < len(best) {
			best = found
		}
	}
	return best
}

func (d document) text(s object, v, at string) []string {
	if p, ok := s["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(v) {
		return []string{fmt.Sprintf("%s: %q does not match %s", at, v, p)}
	}
	if most, ok := s["maxLength"].(float64); ok && len(v) > int(most) {
		return []string{fmt.Sprintf("%s: %q is too long", at, v)}
	}
	if least, ok := s["minLength"].(float64); ok && len(v) < int(least) {
		return []string{fmt.Sprintf("%s: %q is too short", at, v)}
	}
	return nil
}

func (d document) members(s, v object, at string) []string {
	var out []string
	properties, _ := s["properties"].(object)
	for name := range names(s["required"]) {
		property := d.flat(properties[name])
		if _, ok := v[name]; !ok && property["writeOnly"] != true {
			out = append(out, at+"."+name+": missing")
		}
	}
	for name, e := range v {
		below := strings.TrimPrefix(at+"."+name, ".")
		if p, ok := properties[name].(object); ok {
			out = append(out, d.violations(p, e, below)...)
		} else if any, ok := s["additionalProperties"].(object); ok {
			out = append(out, d.violations(any, e, below)...)
		} else if s["additionalProperties"] == false || len(properties) > 0 && s["additionalProperties"] == nil {
			out = append(out, below+": not in the schema")
		}
	}
	slices.Sort(out)
	return out
}
