package job

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// Log is a file of at most half of max bytes; what came before it is in
// <path>.1, again at most half of max, and what came before that is gone.
type Log struct {
	path string
	max  int64
	f    *os.File
	size int64
}

func openLog(path string, max int64) (*Log, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return &Log{path: path, max: max / 2, f: f}, nil
}

// ContinueLog opens the step's log to write on behind its first size bytes, which
// are what the writer knows to be there; a log that is shorter is begun anew. What
// lies behind goes.
func (d Dir) ContinueLog(step string, max, size int64) (*Log, error) {
	f, err := os.OpenFile(d.Log(step), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	if info, serr := f.Stat(); serr != nil || info.Size() < size {
		size = 0
	}
	if err := f.Truncate(size); err != nil {
		f.Close()
		return nil, fmt.Errorf("open log: %w", err)
	}
	if _, err := f.Seek(size, io.SeekStart); err != nil {
		f.Close()
		return nil, fmt.Errorf("open log: %w", err)
	}
	return &Log{path: d.Log(step), max: max / 2, f: f, size: size}, nil
}

// Size is how much is in the file that is being written.
func (l *Log) Size() int64 { return l.size }

// Write puts the file aside when p would make it too long.
func (l *Log) Write(p []byte) (int, error) {
	if l.size > 0 && l.size+int64(len(p)) > l.max {
		if err := l.rotate(); err != nil {
			return 0, err
		}
	}
	n, err := l.f.Write(p)
	l.size += int64(n)
	return n, err
}

func (l *Log) rotate() error {
	l.f.Close()
	if err := os.Rename(l.path, l.path+".1"); err != nil {
		return err
	}
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	l.f, l.size = f, 0
	return err
}

// Close closes the file.
func (l *Log) Close() error { return l.f.Close() }

// Tail returns up to max bytes from the end of the file, "" if there is none.
func Tail(path string, max int64) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	start := info.Size() - max
	if start < 0 {
		start = 0
	}
	buf := make([]byte, info.Size()-start)
	n, _ := f.ReadAt(buf, start)
	return string(buf[:n])
}

// Clean is the text without what is no UTF-8 and without space around it.
func Clean(text string) string { return strings.TrimSpace(strings.ToValidUTF8(text, "?")) }
