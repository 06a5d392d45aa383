package s3

import (
	"bytes"
	"strconv"
	"time"
)

// plainLink is a link of version 4 that needs no interpretation: each
// parameter stands in the one way in which it is signed, in the order in which
// it is signed, none twice, and there is none that asks for anything but the
// object. So what is signed is the query as it stands, without the signature.
// The links in boot scripts are such, and those of most clients.
type plainLink struct {
	access      []byte
	scope       []byte // day/region/s3/aws4_request
	day, region []byte
	date        []byte
	signature   []byte
	from, until time.Time
	// query is the query in two parts, between which the signature stood.
	query [2][]byte
}

// linkStart is what the query of each such link begins with.
const linkStart = "X-Amz-Algorithm=AWS4-HMAC-SHA256&"

// maxExpires is how many seconds a link may be good for.
const maxExpires = 7 * 24 * 60 * 60

// readPlainLink reads a link's query; ok is false for any other than a plain
// one. scope is where it may write the scope.
func readPlainLink(query, scope []byte) (l plainLink, ok bool) {
	if !bytes.HasPrefix(query, []byte(linkStart)) {
		return l, false
	}
	var last, credential, expires []byte
	hosts := false
	for at := 0; at <= len(query); {
		end := bytes.IndexByte(query[at:], '&')
		if end < 0 {
			end = len(query)
		} else {
			end += at
		}
		name, value, equals := bytes.Cut(query[at:end], []byte{'='})
		if !equals {
			return l, false
		}
		if string(name) == "X-Amz-Signature" {
			if l.signature != nil || len(value) != signatureLength {
				return l, false
			}
			l.signature = value
			l.query = [2][]byte{query[:at-1], query[end:]} // it is never first
			at = end + 1
			continue
		}
		if bytes.Compare(name, last) <= 0 || !isEscaped(value, false) {
			return l, false
		}
		switch string(name) {
		case "X-Amz-Algorithm", NodeParameter, "x-id": // the first was looked at, the others ask for nothing
		case "X-Amz-Credential":
			credential = value
		case "X-Amz-Date":
			l.date = value
		case "X-Amz-Expires":
			expires = value
		case "X-Amz-SignedHeaders":
			hosts = string(value) == "host"
		default:
			return l, false
		}
		last, at = name, end+1
	}
	return l, hosts && l.signature != nil && l.readCredential(credential, scope) && l.readTimes(expires)
}

// readCredential reads KEY/DAY/REGION/s3/aws4_request, with %2F for slashes.
func (l *plainLink) readCredential(escaped, scope []byte) bool {
	const slash = "%2F"
	var rest []byte
	var ok bool
	if l.access, rest, ok = bytes.Cut(escaped, []byte(slash)); !ok || bytes.IndexByte(l.access, '%') >= 0 {
		return false
	}
	if l.day, rest, ok = bytes.Cut(rest, []byte(slash)); !ok {
		return false
	}
	if l.region, rest, ok = bytes.Cut(rest, []byte(slash)); !ok || bytes.IndexByte(l.region, '%') >= 0 {
		return false
	}
	if string(rest) != "s3"+slash+"aws4_request" {
		return false
	}
	scope = append(append(scope[:0], l.day...), '/')
	scope = append(append(scope, l.region...), "/s3/aws4_request"...)
	l.scope = scope
	return true
}

// readTimes reads when the link is good.
func (l *plainLink) readTimes(expires []byte) bool {
	seconds, err := strconv.ParseUint(string(expires), 10, 32)
	if err != nil || seconds > maxExpires {
		return false
	}
	from, err := time.Parse(amzDate, string(l.date))
	if err != nil || len(l.date) != len(amzDate) || !bytes.Equal(l.date[:8], l.day) {
		return false
	}
	l.from, l.until = from, from.Add(time.Duration(seconds)*time.Second)
	return true
}

// goodAt tells whether the link is good at the time.
func (l *plainLink) goodAt(now time.Time) bool {
	return !now.After(l.until) && !l.from.After(now.Add(maxSkew))
}

// appendCanonical appends what the link signs.
func (l *plainLink) appendCanonical(b []byte, method, path, host []byte) []byte {
	b = append(append(b, method...), '\n')
	b = append(append(b, path...), '\n')
	b = append(append(b, l.query[0]...), l.query[1]...)
	b = append(append(b, "\nhost:"...), host...)
	return append(b, "\n\nhost\n"+unsigned...)
}

// isEscaped tells whether the text is as escapeKey writes it: what needs no
// escape has none, the others have one with capital digits. A slash stands
// for itself in a path only.
func isEscaped(text []byte, path bool) bool {
	for i := 0; i < len(text); i++ {
		c := text[i]
		if isUnreserved(c) || path && c == '/' {
			continue
		}
		if c != '%' || i+2 >= len(text) {
			return false
		}
		high, low := unhex(text[i+1]), unhex(text[i+2])
		if high < 0 || low < 0 {
			return false
		}
		if c := byte(high<<4 | low); isUnreserved(c) || path && c == '/' {
			return false
		}
		i += 2
	}
	return true
}

func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

// unhex is the value of a digit in capitals, -1 of anything else.
func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
