package audit

import (
	"io"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/xname"
)

// names are the components that a call names.
type names struct {
	set  map[string]bool
	word []byte // that ends with the text so far
	more int    // found beyond maxNamed
}

const (
	// maxNamed bounds the names that are kept of a call, maxWord their length.
	maxNamed = 50_000
	maxWord  = 40
)

// add notes a name, if it is that of a component.
func (n *names) add(name string) {
	name = xname.Canonical(name)
	if t := xname.TypeOf(name); t == xname.Invalid || name[0] != 'x' || n.set[name] {
		return
	}
	if len(n.set) >= maxNamed {
		n.more++
		return
	}
	if n.set == nil {
		n.set = map[string]bool{}
	}
	n.set[name] = true
}

// scan looks for names in a part of a text; the next part follows it.
func (n *names) scan(text []byte) {
	for _, c := range text {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' { // x86_64 is no cabinet
			if len(n.word) <= maxWord {
				n.word = append(n.word, c)
			}
			continue
		}
		n.end()
	}
}

// architecture is how BOS and HSM write one. As a component it would be cabinet 86,
// which is written in small letters everywhere else.
const architecture = "X86"

// end ends the word that the text ended in.
func (n *names) end() {
	if w := n.word; len(w) > 1 && string(w) != architecture && len(w) <= maxWord && w[0]|0x20 == 'x' && w[1] >= '0' && w[1] <= '9' {
		n.add(string(w))
	}
	n.word = n.word[:0]
}

// folded are the names briefly, how many they are, and how many were left out.
func (n *names) folded() (text string, count, left int) {
	n.end()
	list := make([]string, 0, len(n.set))
	for name := range n.set {
		list = append(list, name)
	}
	text = xname.Fold(list)
	count, left = len(list), n.more
	if len(text) <= maxNodes {
		return text, count, left
	}
	slices.Sort(list)
	kept := list
	for len(text) > maxNodes {
		kept = kept[:len(kept)*min(9, max(1, 10*maxNodes/len(text)))/10]
		text = xname.Fold(kept)
	}
	return text, len(kept), left + count - len(kept)
}

// About is the record with the components that it is about.
func (r Record) About(components []string) Record {
	var n names
	for _, c := range components {
		n.add(c)
	}
	r.Nodes, r.NodeCount, r.Unnamed = n.folded()
	return r
}

// heard is a body of JSON whose text is looked through as it is read.
type heard struct {
	io.ReadCloser
	names *names
	// escape is how far an escaped letter is read, 0 outside of one, and code what it
	// is so far.
	escape int
	code   uint16
}

func (h *heard) Read(p []byte) (int, error) {
	n, err := h.ReadCloser.Read(p)
	from := 0 // where the text begins that was not scanned yet
	for i, c := range p[:n] {
		if h.escape == 0 && c != '\\' {
			continue
		}
		h.names.scan(p[from:i])
		from = i + 1
		h.letter(c)
	}
	h.names.scan(p[from:n])
	return n, err
}

// escapeLength is that of \u0078.
const escapeLength = 6

// letter reads on in an escaped letter, which ends a word unless it is one by which
// names are written.
func (h *heard) letter(c byte) {
	h.escape++
	switch digit := strings.IndexByte("0123456789abcdef", c|0x20); {
	case h.escape == 1, h.escape == 2 && c == 'u':
		h.code = 0
		return
	case h.escape == 2, digit < 0: // \n, or nothing that JSON has
		h.code = 0
	default:
		if h.code = h.code<<4 | uint16(digit); h.escape < escapeLength {
			return
		}
	}
	h.escape = 0
	h.names.scan([]byte{byte(min(h.code, 0x80))}) // what is beyond ends a word, too
}
