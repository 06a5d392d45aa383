package job

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// chunk is how much is read of a log at a time, in bytes.
const chunk = 64 << 10

// Reader reads what the steps of a job wrote, one after another, on and on as
// it grows. Each step's begins with a line "==> STEP <==".
type Reader struct {
	dir  Dir
	only string          // this step alone; "": all, and what the supervisor itself said
	read map[string]bool // steps that are at their end
	now  *logReader      // of the step that is being read
}

// ReadLogs returns a reader of the job's logs, or of that of one step.
func (d Dir) ReadLogs(step string) *Reader {
	return &Reader{dir: d, only: step, read: map[string]bool{}}
}

// Next returns what is there and was not returned yet; nothing if there is
// none now.
func (r *Reader) Next() ([]byte, error) {
	for {
		step, ended, err := r.step()
		if err != nil || step == "" {
			return nil, err
		}
		if r.now == nil {
			r.now = &logReader{path: r.dir.Log(step)}
			if r.only == "" {
				return fmt.Appendf(nil, "==> %s <==\n", step), nil
			}
		}
		text, err := r.now.next()
		if len(text) > 0 || err != nil || !ended {
			return text, err
		}
		r.read[step] = true
		r.Close()
	}
}

// step is the one to read, "" if there is none now, and whether it had ended
// already.
func (r *Reader) step() (name string, ended bool, err error) {
	_, rerr := r.dir.Result()
	over := rerr == nil // asked first: what is read after it is all
	steps, err := r.dir.Steps()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", false, err
	}
	for _, s := range steps {
		if !r.read[s.Name] && (r.only == "" || r.only == s.Name) {
			return s.Name, over || !s.Ended.IsZero(), nil
		}
	}
	// The supervisor says little: it has no heading of its own if nothing.
	if info, err := os.Stat(r.dir.Log(supervisorLog)); over && err == nil && info.Size() > 0 && !r.read[supervisorLog] &&
		(r.only == "" || r.only == supervisorLog) {
		return supervisorLog, true, nil
	}
	return "", false, nil
}

// Close lets go of the files; Next begins again with the step that it was at.
func (r *Reader) Close() {
	if r.now != nil {
		r.now.close()
	}
	r.now = nil
}

// supervisorLog names the log of what the supervisor itself writes.
const supervisorLog = "run"

// lostText stands where the writer was so far ahead that what it wrote is gone.
const lostText = "\n[a part of this log is gone: it grew beyond its bound]\n"

// logReader reads a Log while it is written.
type logReader struct {
	path string
	f    *os.File
}

func (l *logReader) close() {
	if l.f != nil {
		l.f.Close()
	}
}

func (l *logReader) next() ([]byte, error) {
	buf := make([]byte, chunk)
	for {
		if l.f == nil {
			f, err := l.oldest()
			if f == nil {
				return nil, err
			}
			l.f = f
		}
		growing := isFile(l.f, l.path) // asked first: what is put aside grows no more
		n, err := l.f.Read(buf)
		if n > 0 || err != nil && !errors.Is(err, io.EOF) {
			return buf[:n], err
		}
		if growing {
			return nil, nil
		}
		lost, err := l.advance()
		if lost {
			return []byte(lostText), nil
		}
		if err != nil {
			return nil, missing(err)
		}
	}
}

// oldest opens the file with the beginning of what there is, nil if there is
// none yet.
func (l *logReader) oldest() (*os.File, error) {
	for {
		f, err := os.Open(l.path + ".1")
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		if f, err = os.Open(l.path); err != nil {
			return nil, missing(err)
		}
		if _, err := os.Stat(l.path + ".1"); errors.Is(err, fs.ErrNotExist) || isFile(f, l.path+".1") {
			return f, nil
		}
		f.Close() // it is not the first any more
	}
}

// advance goes on from a file that was put aside to the next. lost tells that
// some between them are gone. A file that is not there yet is fs.ErrNotExist.
func (l *logReader) advance() (lost bool, err error) {
	if isFile(l.f, l.path+".1") {
		f, err := os.Open(l.path)
		if err != nil {
			return false, err
		}
		if isFile(l.f, l.path+".1") { // still: so this is the next
			l.f.Close()
			l.f = f
			return false, nil
		}
		f.Close()
	}
	f, err := os.Open(l.path + ".1")
	if err != nil {
		return false, err
	}
	l.f.Close()
	l.f = f
	return true, nil
}

func isFile(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Stat(path)
	return err == nil && os.SameFile(a, b)
}

// missing is nil if the file is only not there.
func missing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
