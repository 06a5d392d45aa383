package s3

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// What is held stays within its bound, and what is asked for stays.
func TestHeldObjectsAreBounded(t *testing.T) {
	var h held
	hot := &heldObject{body: make([]byte, 1000)}
	h.put("hot", hot)
	for i := range 3000 {
		h.put(strconv.Itoa(i), &heldObject{body: make([]byte, 100<<10)})
		if h.get([]byte("hot")) != hot {
			t.Fatalf("what is asked for all the time is gone after %d others", i)
		}
		total := 0
		for _, generation := range []map[string]*heldObject{h.young, h.old} {
			for path, o := range generation {
				total += o.cost(len(path))
			}
		}
		if total > heldMost {
			t.Fatalf("%d bytes are held, of at most %d", total, heldMost)
		}
	}
}

// fileTaker is a connection that the kernel copies files to.
type fileTaker struct {
	bytes.Buffer
	file string
}

func (f *fileTaker) ReadFrom(r io.Reader) (int64, error) {
	if rest, ok := r.(*io.LimitedReader); ok {
		if file, ok := rest.R.(*os.File); ok {
			f.file = file.Name()
		}
	}
	return f.Buffer.ReadFrom(r)
}

// The network takes sendfile for a limited file only.
func TestPartsOfLargeObjectsAreHandedToTheConnectionAsFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(path, []byte(strings.Repeat("0123456789", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	is, _ := identify(path)
	body, current := openPart(&heldObject{file: path, is: is}, 15, 500)
	if !current {
		t.Fatal("not current")
	}
	defer body.Close()
	var conn fileTaker
	w := bufio.NewWriter(&conn)
	w.WriteString("header:")
	n, err := body.(io.WriterTo).WriteTo(w)
	if err != nil || n != 500 || w.Flush() != nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if conn.file != path || conn.String() != "header:"+strings.Repeat("5678901234", 50) {
		t.Errorf("file %q, sent %.40q", conn.file, conn.String())
	}
}
