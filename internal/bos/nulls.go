package bos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// refuseNull finds a null where the published interface wants a value: huma
// takes it for a property that is not there. Paths in allowed may be null.
func refuseNull(raw []byte, allowed ...string) error {
	if !bytes.Contains(raw, []byte("null")) {
		return nil
	}
	var body any
	if err := json.Unmarshal(raw, &body); err != nil {
		return invalid("%w", err)
	}
	if at := firstNull(body, "", allowed); at != "" {
		return invalid("null is not allowed here - '%s'", strings.TrimPrefix(at, "."))
	}
	return nil
}

func firstNull(value any, at string, allowed []string) string {
	switch v := value.(type) {
	case nil:
		if !slices.Contains(allowed, strings.TrimPrefix(at, ".")) {
			return at
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if found := firstNull(v[name], at+"."+name, allowed); found != "" {
				return found
			}
		}
	case []any:
		for i := range v {
			if found := firstNull(v[i], fmt.Sprintf("%s[%d]", at, i), allowed); found != "" {
				return found
			}
		}
	}
	return ""
}
