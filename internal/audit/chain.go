package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// Head is a place in the chain: a record's number, and the hash of it and of all
// before it. The zero Head is the place before the first record.
type Head struct {
	Number int64 `json:"number"`
	Hash   Hash  `json:"hash"`
}

// Hash is a SHA-256, written in hexadecimal.
type Hash [sha256.Size]byte

// MarshalText implements encoding.TextMarshaler.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hash) UnmarshalText(text []byte) error {
	n, err := hex.Decode(h[:], text)
	if len(text) != 2*len(h) || err != nil || n != len(h) {
		return fault.New(fault.Invalid, "hash: expected %d hexadecimal digits, got %.80q", 2*len(h), text)
	}
	return nil
}

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

func (h Head) String() string { return fmt.Sprintf("%d:%s", h.Number, h.Hash) }

// ParseHead reads what String wrote.
func ParseHead(text string) (h Head, err error) {
	number, hash, _ := strings.Cut(text, ":")
	if h.Number, err = strconv.ParseInt(number, 10, 64); err != nil || h.Number < 1 {
		return Head{}, fault.New(fault.Invalid, "head: expected NUMBER:HASH as `drover audit verify` prints it, got %.100q", text)
	}
	return h, h.Hash.UnmarshalText([]byte(hash))
}

// place is a Head and how long the documents up to it are.
type place struct {
	Head
	Total int64 `json:"total"`
}

// follow is the place behind a document.
func (p place) follow(doc string) place {
	sum := sha256.New()
	sum.Write(p.Hash[:])
	sum.Write([]byte(doc))
	next := place{Head: Head{Number: p.Number + 1}, Total: p.Total + int64(len(doc))}
	sum.Sum(next.Hash[:0])
	return next
}

// add is the line of a record behind p, and the place behind it.
func (p place) add(r Record) (store.Line, place, error) {
	r.Number = p.Number + 1
	doc, err := json.Marshal(r)
	if err != nil {
		return store.Line{}, p, fmt.Errorf("encode audit record: %w", err)
	}
	next := p.follow(string(doc))
	return store.Line{Number: next.Number, Time: r.Time.UnixNano(), Total: next.Total, Hash: next.Hash[:], Doc: string(doc)}, next, nil
}

// placeOf is where a line says that it stands.
func placeOf(l store.Line) place {
	p := place{Head: Head{Number: l.Number}, Total: l.Total}
	copy(p.Hash[:], l.Hash)
	return p
}

// check says what is wrong with the line that should follow p; empty: nothing.
// The record is the line's.
func (p place) check(l store.Line) (r Record, wrong string) {
	if l.Number != p.Number+1 {
		return r, fmt.Sprintf("record %d is missing: after %d comes %d", p.Number+1, p.Number, l.Number)
	}
	if err := json.Unmarshal([]byte(l.Doc), &r); err != nil {
		return r, fmt.Sprintf("record %d was changed: it is no record any more", l.Number)
	}
	next := p.follow(l.Doc)
	switch {
	case r.Number != l.Number:
		return r, fmt.Sprintf("record %d is not where it was written: it says that it is %d", l.Number, r.Number)
	case !bytes.Equal(next.Hash[:], l.Hash):
		return r, fmt.Sprintf("record %d was changed, or what was before it: its hash is another", l.Number)
	case next.Total != l.Total || r.Time.UnixNano() != l.Time:
		return r, fmt.Sprintf("record %d was changed: what it is found by differs from what it says", l.Number)
	}
	return r, ""
}
