package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// The data of a segment, so that a node's part is found without looking at the
// others' entries, and words that many entries share are kept once:
//
//	version
//	length of the words, then each word: its length, its bytes
//	each node: length of the name, name, length of its part, its entries
//	an entry: source, kind, text, session (places among the words), failed (0 or 1),
//	          nanoseconds since the entry before, order of arrival
//
// Numbers are varints, differences of time zig-zag ones.
const formatVersion = 1

// encode is the data of a segment of sorted lines.
func encode(lines []line) []byte {
	var words wordList
	var parts, part []byte
	for len(lines) > 0 {
		node := lines[0].Node
		part = part[:0]
		var before int64
		for len(lines) > 0 && lines[0].Node == node {
			part = lines[0].append(part, &words, before)
			before = lines[0].Time.UnixNano()
			lines = lines[1:]
		}
		parts = appendBytes(parts, node)
		parts = appendBytes(parts, part)
	}
	data := make([]byte, 0, 1+binary.MaxVarintLen32+len(words.text)+len(parts))
	data = append(data, formatVersion)
	data = appendBytes(data, words.text)
	return append(data, parts...)
}

func (l *line) append(part []byte, words *wordList, before int64) []byte {
	for _, w := range [...]string{l.Source, l.Kind, l.Text, l.Session} {
		part = binary.AppendUvarint(part, words.place(w))
	}
	failed := byte(0)
	if l.Failed {
		failed = 1
	}
	part = append(part, failed)
	part = binary.AppendVarint(part, l.Time.UnixNano()-before)
	return binary.AppendUvarint(part, uint64(l.seq))
}

func appendBytes[T string | []byte](to []byte, what T) []byte {
	return append(binary.AppendUvarint(to, uint64(len(what))), what...)
}

// wordList collects the words of a segment.
type wordList struct {
	places map[string]uint64
	text   []byte
}

func (w *wordList) place(word string) uint64 {
	if at, known := w.places[word]; known {
		return at
	}
	if w.places == nil {
		w.places = map[string]uint64{}
	}
	at := uint64(len(w.places))
	w.places[word] = at
	w.text = appendBytes(w.text, word)
	return at
}

// decode returns the node's entries in a segment.
func decode(data []byte, node string) ([]Entry, error) {
	c := cursor{data: data}
	if version := c.number(); version != formatVersion {
		return nil, fmt.Errorf("format %d, expected %d", version, formatVersion)
	}
	words := c.bytes()
	for len(c.data) > 0 {
		name, part := c.bytes(), c.bytes()
		if !c.damaged && string(name) == node {
			return decodePart(part, words, node)
		}
	}
	if c.damaged {
		return nil, errDamaged
	}
	return nil, nil
}

var errDamaged = errors.New("damaged: it ends too early")

func decodePart(part, words []byte, node string) ([]Entry, error) {
	var out []Entry
	var at int64
	w := wordsOf(words)
	c := cursor{data: part}
	for len(c.data) > 0 {
		e := Entry{Node: node}
		for _, field := range [...]*string{&e.Source, &e.Kind, &e.Text, &e.Session} {
			place := c.number()
			if place >= uint64(len(w)) {
				return nil, errDamaged
			}
			*field = string(w[place])
		}
		e.Failed = c.number() == 1
		at += c.difference()
		e.Time = time.Unix(0, at).UTC()
		e.Key = entryKey(node, e.Time, uint32(c.number()))
		if c.damaged {
			return nil, errDamaged
		}
		out = append(out, e)
	}
	return out, nil
}

func wordsOf(text []byte) (words [][]byte) {
	c := cursor{data: text}
	for len(c.data) > 0 {
		words = append(words, c.bytes())
	}
	return words
}

// cursor reads data from the front. Behind the end it reads zeros and says so.
type cursor struct {
	data    []byte
	damaged bool
}

func (c *cursor) number() uint64 {
	v, n := binary.Uvarint(c.data)
	c.skip(n)
	return v
}

func (c *cursor) difference() int64 {
	v, n := binary.Varint(c.data)
	c.skip(n)
	return v
}

func (c *cursor) bytes() []byte {
	n := c.number()
	if n > uint64(len(c.data)) {
		c.skip(0)
		return nil
	}
	out := c.data[:n]
	c.data = c.data[n:]
	return out
}

// skip passes n bytes; n <= 0 says that there was nothing to read.
func (c *cursor) skip(n int) {
	if n <= 0 {
		c.data, c.damaged = nil, true
		return
	}
	c.data = c.data[n:]
}
