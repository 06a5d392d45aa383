package httpapi

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// Members reads a JSON object of the plainest form, without allocating: texts
// without escapes, true, false, lists and objects of these; no number, no null,
// no name twice in an object. It calls each with every member's name and value,
// both as they stand in the text, the name without its quotes. It tells whether
// the text was such an object and each took all its members.
func Members(text []byte, each func(name, value []byte) bool) bool {
	s := scan{text: text}
	return utf8.Valid(text) && s.object(each, 0) && s.end()
}

// Items is Members for a list: it calls each with every item.
func Items(text []byte, each func(value []byte) bool) bool {
	s := scan{text: text}
	return utf8.Valid(text) && s.list(each, 0) && s.end()
}

// Text is the text that a value of Members or Items is.
func Text(value []byte) (string, bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	return string(value[1 : len(value)-1]), true
}

// Flag is the true or false that a value of Members or Items is.
func Flag(value []byte) (is, ok bool) {
	return len(value) > 0 && value[0] == 't', string(value) == "true" || string(value) == "false"
}

const (
	maxMembers = 8 // of an object
	maxDepth   = 4
)

// scan goes through a text once.
type scan struct {
	text []byte
	at   int
}

func (s *scan) blanks() {
	for s.at < len(s.text) && strings.IndexByte(" \t\r\n", s.text[s.at]) >= 0 {
		s.at++
	}
}

// next tells whether c comes next but for blanks; if so, it is taken.
func (s *scan) next(c byte) bool {
	s.blanks()
	is := s.at < len(s.text) && s.text[s.at] == c
	if is {
		s.at++
	}
	return is
}

func (s *scan) end() bool {
	s.blanks()
	return s.at == len(s.text)
}

// object takes one from its brace on.
func (s *scan) object(each func(name, value []byte) bool, depth int) bool {
	if depth > maxDepth || !s.next('{') {
		return false
	}
	if s.next('}') {
		return true
	}
	var names [maxMembers][]byte
	for n := 0; n < maxMembers; n++ {
		name, is := s.word()
		if !is || !s.next(':') {
			return false
		}
		for _, other := range names[:n] {
			if bytes.Equal(name, other) {
				return false
			}
		}
		names[n] = name
		value, is := s.value(depth)
		if !is || each != nil && !each(name, value) {
			return false
		}
		if s.next('}') {
			return true
		}
		if !s.next(',') {
			return false
		}
	}
	return false
}

func (s *scan) list(each func(value []byte) bool, depth int) bool {
	if depth > maxDepth || !s.next('[') {
		return false
	}
	if s.next(']') {
		return true
	}
	for {
		value, is := s.value(depth)
		if !is || each != nil && !each(value) {
			return false
		}
		if s.next(']') {
			return true
		}
		if !s.next(',') {
			return false
		}
	}
}

// word takes a text and returns what is between its quotes.
func (s *scan) word() ([]byte, bool) {
	if !s.next('"') {
		return nil, false
	}
	from := s.at
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return s.text[from : s.at-1], true
		case c == '\\' || c < ' ':
			return nil, false
		}
	}
	return nil, false
}

// value takes any value and returns it as it stands.
func (s *scan) value(depth int) ([]byte, bool) {
	s.blanks()
	from := s.at
	if from == len(s.text) {
		return nil, false
	}
	is := false
	switch s.text[from] {
	case '"':
		_, is = s.word()
	case '{':
		is = s.object(nil, depth+1)
	case '[':
		is = s.list(nil, depth+1)
	case 't':
		is = s.literal("true")
	case 'f':
		is = s.literal("false")
	}
	return s.text[from:s.at], is
}

func (s *scan) literal(word string) bool {
	if !bytes.HasPrefix(s.text[s.at:], []byte(word)) {
		return false
	}
	s.at += len(word)
	return true
}
