package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// WorkDir is the folder of a job that steps write into which must not write
// anywhere else.
const WorkDir = "work"

// maxRecord bounds what is read of a file that a step wrote as a whole, in bytes.
const maxRecord = 64 << 20

// Work is where the job's steps write: the job's directory, or a folder of it
// that has everything but what the supervisor and the server write.
func (d Dir) Work() Dir {
	if info, err := os.Lstat(d.Path(WorkDir)); err == nil && info.IsDir() {
		return Dir(d.Path(WorkDir))
	}
	return d
}

// OpenWork opens a file that a step wrote. Whoever wrote it may have put anything
// there: what leads out of the folder, or is no file, is an error.
func (d Dir) OpenWork(elem ...string) (*os.File, error) {
	root, err := os.OpenRoot(string(d.Work()))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	name := filepath.Join(elem...)
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, errors.Join(err, fmt.Errorf("%s is no file", d.Path(name)))
	}
	return f, nil
}

// ReadWork returns what a step wrote into the file as JSON.
func ReadWork[T any](d Dir, name string) (v T, err error) {
	text, err := d.ReadWorkFile(name)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return v, fmt.Errorf("read %s: %w", d.Path(name), err)
	}
	return v, nil
}

// ReadWorkFile returns what a step wrote into the file.
func (d Dir) ReadWorkFile(elem ...string) ([]byte, error) {
	f, err := d.OpenWork(elem...)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxRecord))
}
