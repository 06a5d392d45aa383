package derive

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	wordStart = regexp.MustCompile(`([A-Za-z0-9])([A-Z][a-z]+)`)
	wordEnd   = regexp.MustCompile(`([a-z0-9])([A-Z])`)
	plural    = regexp.MustCompile(`([A-Z]{2,})s$`) // ComponentIDs, NIDs
)

// optionName joins the parts of a property's path: "ComponentIDs" is
// component-ids, "target", "image_map" is target-image-map. A further part
// that begins with a capital gets a dash of its own: "IPAddresses",
// "IPAddress" is ip-addresses--ip-address.
func optionName(path ...string) string {
	var b strings.Builder
	for i, part := range path {
		if i > 0 {
			b.WriteByte('-')
			if first, _ := utf8.DecodeRuneInString(part); unicode.IsUpper(first) {
				b.WriteByte('-')
			}
		}
		b.WriteString(words(part))
	}
	return b.String()
}

func words(s string) string {
	s = plural.ReplaceAllString(s, "${1}S")
	s = wordStart.ReplaceAllString(s, "$1-$2")
	s = wordEnd.ReplaceAllString(s, "$1-$2")
	return strings.ToLower(strings.ReplaceAll(s, "_", "-"))
}

// groupName lower-cases the first letter only: "NID" is nID.
func groupName(segment string) string {
	r, n := utf8.DecodeRuneInString(segment)
	return string(unicode.ToLower(r)) + segment[n:]
}

// Original is how the route spells a group: the same with the first letter
// in upper case. Routes that begin in lower case have no other spelling.
func Original(group string) string {
	r, n := utf8.DecodeRuneInString(group)
	return string(unicode.ToUpper(r)) + group[n:]
}

func isArgument(segment string) bool {
	return strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}")
}
