package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// Dir is a job's directory.
type Dir string

// Spec is what every job has, whatever its program.
type Spec struct {
	ID string `json:"id"` // lower-case letters, digits, '-' and '.'
	// Free jobs count to no limit of how many run at a time.
	Free bool `json:"free,omitempty"`
	// Apart: the steps write into the folder of Dir.Work alone.
	Apart bool `json:"apart,omitempty"`
}

var validID = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)

// ValidID reports whether the text can be a job's id, and so the name of its
// directory.
func ValidID(text string) bool { return validID.MatchString(text) }

// Step is a finished or running step, as steps.json has it.
type Step struct {
	Name    string    `json:"name"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
	Exit    int       `json:"exit"` // -1: ended by a signal or never started
}

// Result is how a job ended.
type Result struct {
	Phase   Phase     `json:"phase"`
	Step    string    `json:"step,omitempty"` // that failed
	Exit    int       `json:"exit"`           // of that step
	Message string    `json:"message,omitempty"`
	Limit   string    `json:"limit,omitempty"` // by which that step was ended, as its option is called
	Started time.Time `json:"started,omitzero"`
	Ended   time.Time `json:"ended"`
}

// Account is how the steps of a job went that ended, and by which limit it was, if by
// one.
type Account struct {
	Steps []Step
	Limit string
}

// Supervisor is who runs the job. Start distinguishes the process from a later
// one with the same id.
type Supervisor struct {
	PID     int       `json:"pid"`
	Start   string    `json:"start"`
	Started time.Time `json:"started"`
}

// Create makes the directory of a job with the program's files, by name, as
// JSON. The whole directory appears at once; an error that is fs.ErrExist
// means that it was there before.
func Create(dir string, spec Spec, files map[string]any) error {
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".new-")
	if err != nil {
		return fmt.Errorf("create job directory: %w", err)
	}
	defer os.RemoveAll(tmp)
	d := Dir(tmp)
	if err := os.Mkdir(d.Path("log"), 0o700); err != nil {
		return fmt.Errorf("create job directory: %w", err)
	}
	if spec.Apart {
		if err := os.Mkdir(d.Path(WorkDir), 0o700); err != nil {
			return fmt.Errorf("create job directory: %w", err)
		}
	}
	all := map[string]any{"spec.json": spec}
	maps.Copy(all, files)
	for name, content := range all {
		if err := d.Write(name, content); err != nil {
			return err
		}
	}
	if _, err := os.Lstat(dir); err == nil {
		return fmt.Errorf("create job directory %s: %w", dir, os.ErrExist)
	}
	if err := os.Rename(tmp, dir); err != nil { // refuses a directory that is not empty
		return fmt.Errorf("create job directory: %w", err)
	}
	return nil
}

// Spec returns what Create was given.
func (d Dir) Spec() (Spec, error) { return Read[Spec](d, "spec.json") }

// Supervisor returns who runs the job; an error that is fs.ErrNotExist, here
// and below, means nobody or nothing yet.
func (d Dir) Supervisor() (Supervisor, error) { return Read[Supervisor](d, "supervisor.json") }

// Steps returns the steps begun so far, in order.
func (d Dir) Steps() ([]Step, error) { return Read[[]Step](d, "steps.json") }

// Result returns how the job ended.
func (d Dir) Result() (Result, error) { return Read[Result](d, "result.json") }

// Account is what is known of how the job went; nothing, if its traces are gone.
func (d Dir) Account() Account {
	steps, _ := d.Steps()   //nolint:errcheck // then there are none
	result, _ := d.Result() //nolint:errcheck // likewise
	return Account{steps, result.Limit}
}

// SetResult records how the job ended.
func (d Dir) SetResult(r Result) error { return d.Write("result.json", r) }

// Log is the file with the step's output.
func (d Dir) Log(step string) string { return d.Path("log", step+".log") }

// Path is that of a file in the directory.
func (d Dir) Path(elem ...string) string {
	return filepath.Join(append([]string{string(d)}, elem...)...)
}

// Mkdir makes a folder in the directory, if it is not there; only the owner can
// look into it. A directory that has gone does not come back.
func (d Dir) Mkdir(name string) error {
	err := os.Mkdir(d.Path(name), 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// Write replaces the file in one step. Only the owner can read it.
func (d Dir) Write(name string, v any) error {
	path := d.Path(name)
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(data)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// Read returns what Write wrote.
func Read[T any](d Dir, name string) (v T, err error) {
	path := d.Path(name)
	data, err := os.ReadFile(path)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return v, fmt.Errorf("read %s: %w", path, err)
	}
	return v, nil
}
