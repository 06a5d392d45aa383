package s3

import (
	"bufio"
	"io"
	"os"
)

// openPart opens a part of an object's file for the network. current is false
// if the file is not the one that is held.
func openPart(o *heldObject, start, length int64) (body io.ReadCloser, current bool) {
	file, err := os.Open(o.file)
	if err != nil {
		return nil, false
	}
	if is, ok := identifyFile(file); !ok || is != o.is {
		file.Close()
		return nil, false
	}
	if length == o.is.size {
		return file, true // fasthttp sends files by sendfile
	}
	if _, err := file.Seek(start, io.SeekStart); err != nil {
		file.Close()
		return nil, false
	}
	return &part{io.LimitedReader{R: file, N: length}, file}, true
}

// part is a part of a file.
type part struct {
	rest io.LimitedReader
	file *os.File
}

func (p *part) Read(b []byte) (int, error) { return p.rest.Read(b) }
func (p *part) Close() error               { return p.file.Close() }

// WriteTo writes the part such that the kernel copies it, if w leads to a
// connection.
func (p *part) WriteTo(w io.Writer) (int64, error) {
	if b, ok := w.(*bufio.Writer); ok {
		if err := b.Flush(); err != nil { // what is buffered has to be out first
			return 0, err
		}
	}
	if r, ok := w.(io.ReaderFrom); ok {
		return r.ReadFrom(&p.rest)
	}
	return io.Copy(struct{ io.Writer }{w}, &p.rest)
}
