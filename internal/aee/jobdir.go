package aee

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
)

// Dir is a job's directory.
type Dir string

// Step is a finished or running step, as steps.json has it.
type Step struct {
	Name    string    `json:"name"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
	Exit    int       `json:"exit"` // -1: ended by a signal or never started
}

// Result is how a job ended.
type Result struct {
	Phase   cfs.JobPhase `json:"phase"`
	Step    string       `json:"step,omitempty"` // that failed
	Exit    int          `json:"exit"`           // of that step
	Message string       `json:"message,omitempty"`
	Started time.Time    `json:"started,omitzero"`
	Ended   time.Time    `json:"ended"`
}

// Supervisor is who runs the job. Start distinguishes the process from a later
// one with the same id.
type Supervisor struct {
	PID     int       `json:"pid"`
	Start   string    `json:"start"`
	Started time.Time `json:"started"`
}

// Login is a user name and password for git.
type Login struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// Create makes the directory of a job; logins are those of its sources, by
// name. The whole directory appears at once; an error that is fs.ErrExist
// means that it was there before.
func Create(dir string, job cfs.Job, settings Settings, logins map[string]Login) error {
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".new-")
	if err != nil {
		return fmt.Errorf("create job directory: %w", err)
	}
	defer os.RemoveAll(tmp)
	d := Dir(tmp)
	if err := os.Mkdir(d.path("log"), 0o700); err != nil {
		return fmt.Errorf("create job directory: %w", err)
	}
	for name, content := range map[string]any{"job.json": job, "settings.json": settings, "logins.json": logins} {
		if err := writeJSON(d.path(name), content); err != nil {
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

// Job returns what Create was given.
func (d Dir) Job() (cfs.Job, error) { return readJSON[cfs.Job](d.path("job.json")) }

// Settings returns what Create was given, with the defaults filled in.
func (d Dir) Settings() (Settings, error) {
	s, err := readJSON[Settings](d.path("settings.json"))
	return s.withDefaults(), err
}

// Supervisor, Steps and Result return what is recorded so far; an error that
// is fs.ErrNotExist means nothing yet.
func (d Dir) Supervisor() (Supervisor, error) { return readJSON[Supervisor](d.path("supervisor.json")) }

// Steps returns the steps begun so far, in order.
func (d Dir) Steps() ([]Step, error) { return readJSON[[]Step](d.path("steps.json")) }

// Result returns how the job ended.
func (d Dir) Result() (Result, error) { return readJSON[Result](d.path("result.json")) }

// SetResult records how the job ended.
func (d Dir) SetResult(r Result) error { return writeJSON(d.path("result.json"), r) }

// Log is the file with the step's output.
func (d Dir) Log(step string) string { return d.path("log", step+".log") }

func (d Dir) layer(index int) string { return d.path("layer" + strconv.Itoa(index)) }

func (d Dir) path(elem ...string) string {
	return filepath.Join(append([]string{string(d)}, elem...)...)
}

// writeJSON replaces the file in one step. Only the owner can read it.
func writeJSON(path string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", filepath.Base(path), err)
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

func readJSON[T any](path string) (v T, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return v, fmt.Errorf("read %s: %w", path, err)
	}
	return v, nil
}
