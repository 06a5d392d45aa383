package otlp

import (
	"net/http"
	"os"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/drover-hpc/drover/internal/fault"
)

// Headers reads what a collector asks for besides, such as Authorization: in each line of
// the file NAME: VALUE. Empty lines and those that begin with # say nothing.
func Headers(file string) (http.Header, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	h, n := http.Header{}, 0
	for line := range strings.Lines(string(text)) {
		n++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if !httpguts.ValidHeaderFieldName(name) || value == "" || !httpguts.ValidHeaderFieldValue(value) { // which may be secret
			return nil, fault.New(fault.Invalid, "%s: line %d is no header: expected NAME: VALUE", file, n)
		}
		h.Add(name, value)
	}
	return h, nil
}
