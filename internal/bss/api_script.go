package bss

import (
	"net/http"
	"strconv"
	"strings"
)

// answerScript answers what nodes ask when they boot: every node of a cluster
// may do so at once.
func (s *Service) answerScript(w http.ResponseWriter, r *http.Request) (answered bool, err error) {
	q, ok := plainScriptQuery(r.URL.RawQuery)
	if !ok {
		return false, nil
	}
	text, err := s.BootScript(r.Context(), q)
	if err != nil {
		return false, err
	}
	header := w.Header()
	header["Content-Type"] = scriptType
	header["Content-Length"] = []string{strconv.Itoa(len(text))}
	w.Write(text) //nolint:errcheck // the client is gone
	return true, nil
}

var scriptType = []string{textPlain}

// plainScriptQuery reads a query by MAC in which each value stands for itself,
// but for the MAC's colons: clients that escape every sign write them as %3A.
func plainScriptQuery(raw string) (q ScriptQuery, ok bool) {
	const retry, ts, arch, mac = 1, 2, 4, 8
	seen := 0
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		which := 0
		switch name {
		case "mac":
			which, q.MAC = mac, value
			if strings.IndexByte(value, '%') >= 0 {
				q.MAC = strings.ReplaceAll(value, "%3A", ":")
			}
			_, ok = macKey(q.MAC)
		case "retry":
			which = retry
			q.Retry, ok = plainNumber(value)
		case "ts":
			which = ts
			var seconds int
			seconds, ok = plainNumber(value)
			q.Since = int64(seconds)
		case "arch":
			which, q.Arch, ok = arch, value, isWord(value)
		default:
			return q, false
		}
		if !ok || seen&which != 0 {
			return q, false
		}
		seen |= which
	}
	return q, seen&mac != 0
}

// plainNumber reads a number of digits alone.
func plainNumber(s string) (int, bool) {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, 0 < len(s) && len(s) <= 18
}

// isWord tells whether s is made of letters, digits and underscores.
func isWord(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return s != ""
}
