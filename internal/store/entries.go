package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/klauspost/compress/s2"
)

// entry is a change of a document of a logged table.
type entry struct {
	table   string
	names   []string // of the indexed columns
	key     string
	deleted bool
	columns []string // values of the indexed columns
	doc     string   // as it stands in its row; of entries that are read
}

// A row of the log is packed by S2. It has sections, each of a table, and in it entries:
//
//	row     := entriesForm S2(section*)
//	section := 't' table count name*count entry*
//	entry   := 'p' key value*count doc  |  'd' key
//
// Texts have their length in front of them; it and counts are uvarints.
const (
	entriesForm  = 1
	markTable    = 't'
	markPut      = 'p'
	markDeletion = 'd'
)

// logWriter fills rows of the log with the changes of one commit.
type logWriter struct {
	size  int // of a row, when another one is begun
	buf   []byte
	cuts  []int  // where each row begins in buf
	first int64  // number of the first row
	table string // of the section that is open
}

// begin forgets what was written before. Rows are numbered from first on, and another
// one is begun once one has the size.
func (w *logWriter) begin(first int64, size int) {
	if cap(w.buf) > keptBuffer {
		w.buf = nil
	}
	w.buf, w.cuts, w.first, w.size, w.table = w.buf[:0], w.cuts[:0], first, size, ""
}

// add writes an entry, of which doc is the document.
func (w *logWriter) add(e *entry, doc []byte) {
	if len(w.cuts) == 0 || len(w.buf)-w.cuts[len(w.cuts)-1] >= w.size {
		w.cuts = append(w.cuts, len(w.buf))
		w.table = ""
	}
	if w.table != e.table {
		w.table = e.table
		w.buf = appendText(append(w.buf, markTable), e.table)
		w.buf = binary.AppendUvarint(w.buf, uint64(len(e.names)))
		for _, name := range e.names {
			w.buf = appendText(w.buf, name)
		}
	}
	if e.deleted {
		w.buf = appendText(append(w.buf, markDeletion), e.key)
	} else {
		w.buf = appendText(append(w.buf, markPut), e.key)
		for _, value := range e.columns {
			w.buf = appendText(w.buf, value)
		}
		w.buf = appendText(w.buf, doc)
	}
}

// row is what was written for the i-th row.
func (w *logWriter) row(i int) []byte {
	if i+1 < len(w.cuts) {
		return w.buf[w.cuts[i]:w.cuts[i+1]]
	}
	return w.buf[w.cuts[i]:]
}

// pack is a row as the database has it, in spare if that is large enough.
func pack(row, spare []byte) []byte {
	if room := 1 + s2.MaxEncodedLen(len(row)); cap(spare) < room {
		spare = make([]byte, room)
	}
	spare = spare[:cap(spare)]
	spare[0] = entriesForm
	return spare[:1+len(s2.Encode(spare[1:], row))]
}

// unpack is the row that was packed, in spare if that is large enough.
func unpack(packed, spare []byte) ([]byte, error) {
	if len(packed) == 0 || packed[0] != entriesForm {
		return nil, fmt.Errorf("it begins with %.1q, expected the form %d", packed, entriesForm)
	}
	return s2.Decode(spare[:cap(spare)], packed[1:])
}

func appendText[text string | []byte](b []byte, s text) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// readEntries shows the wanted entries of a row of the log in turn. What wanted is asked
// about has neither columns nor doc yet.
func readEntries(row []byte, wanted func(e *entry) bool, visit func(e *entry)) error {
	r := entryReader{rest: row}
	e := &entry{}
	for r.err == nil && len(r.rest) > 0 {
		mark := r.mark()
		switch {
		case mark == markTable:
			*e = entry{table: string(r.text())}
			e.names = r.texts(r.count())
			continue
		case e.table == "" || mark != markPut && mark != markDeletion:
			return fmt.Errorf("mark %q was not expected there", mark)
		}
		e.key, e.deleted, e.columns, e.doc = string(r.text()), mark == markDeletion, nil, ""
		wants := r.err == nil && wanted(e)
		if !e.deleted {
			r.document(e, wants)
		}
		if wants && r.err == nil {
			visit(e)
		}
	}
	return r.err
}

// entryReader takes what was written off the front of rest.
type entryReader struct {
	rest []byte
	err  error
}

var errCutOff = errors.New("it is cut off")

func (r *entryReader) mark() byte {
	if len(r.rest) == 0 {
		r.err = errCutOff
		return 0
	}
	mark := r.rest[0]
	r.rest = r.rest[1:]
	return mark
}

// count is never more than there are bytes left.
func (r *entryReader) count() int {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 || n > uint64(len(r.rest)-size) {
		r.err, r.rest = errCutOff, nil
		return 0
	}
	r.rest = r.rest[size:]
	return int(n)
}

func (r *entryReader) text() []byte {
	n := r.count()
	text := r.rest[:n]
	r.rest = r.rest[n:]
	return text
}

func (r *entryReader) texts(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = string(r.text())
	}
	return out
}

// document takes a document and its columns, and keeps them if they are wanted.
func (r *entryReader) document(e *entry, wants bool) {
	if wants {
		e.columns = r.texts(len(e.names))
	} else {
		for range e.names {
			r.text()
		}
	}
	if doc := r.text(); wants {
		e.doc = string(doc)
	}
}
