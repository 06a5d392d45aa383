package aee

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
)

// resultsDir is where the plugin records results of tasks, in the job's
// directory: a line of tasks.jsonl for each task, one of results.jsonl for each
// result. A result's id is where its line ends.
const resultsDir = "results"

// maxLine is the longest line that is read, in bytes.
const maxLine = 1 << 20

// task is a line of tasks.jsonl.
type task struct {
	ID      string `json:"id"` // "LAYER.NUMBER"
	Play    string `json:"play"`
	Task    string `json:"task"`
	Path    string `json:"path"`
	LeftOut int64  `json:"left_out"` // results that were not recorded: a line of its own
}

// results reads a job's record; lines may be appended meanwhile.
type results struct {
	dir     Dir
	tasks   map[string]task
	read    int64 // bytes of tasks.jsonl
	leftOut int64
}

// openResults reads the tasks. A job without a record has no results.
func openResults(d Dir) (*results, error) {
	r := &results{dir: d, tasks: map[string]task{}}
	err := r.readTasks()
	return r, err
}

// readTasks reads those that came since it was called last.
func (r *results) readTasks() (err error) {
	r.read, err = eachLine(r.dir, "tasks.jsonl", r.read, func(line []byte, _ int64) bool {
		var t task
		if json.Unmarshal(line, &t) == nil { // else half a line of a full disk
			r.tasks[t.ID] = t
			r.leftOut += t.LeftOut
		}
		return true
	})
	return err
}

// each calls do with the results behind the id, as long as it returns true.
func (r *results) each(after int64, do func(*cfs.TaskResult) bool) error {
	_, err := eachLine(r.dir, "results.jsonl", after, func(line []byte, end int64) bool {
		result, ok := r.parse(line, end)
		return !ok || do(&result)
	})
	return err
}

// parse reads [task, host, status, ended, seconds, message].
func (r *results) parse(line []byte, end int64) (cfs.TaskResult, bool) {
	var id string
	var ended, took float64
	out := cfs.TaskResult{ID: end}
	if err := json.Unmarshal(line, &[]any{&id, &out.Host, &out.Status, &ended, &took, &out.Message}); err != nil {
		r.leftOut++
		return out, false
	}
	t, known := r.tasks[id]
	if !known { // it began after the tasks were read
		if err := r.readTasks(); err == nil {
			t = r.tasks[id]
		}
	}
	layer, _, _ := strings.Cut(id, ".")
	out.Layer, _ = strconv.Atoi(layer)
	out.Play, out.Task, out.Duration = t.Play, t.Task, took
	out.Path = inLayer(t.Path, r.dir, out.Layer)
	out.Time = time.UnixMilli(int64(math.Round(ended * 1000))).UTC()
	return out, true
}

// inLayer is the path within the layer's repository. The job ran in a directory of
// the same name, maybe on another machine, or in a pod.
func inLayer(path string, d Dir, layer int) string {
	if rest, ok := strings.CutPrefix(path, layerDir(podDir, layer)+"/"); ok {
		return rest
	}
	own := layerDir(Dir("/"+filepath.Base(string(d))), layer) + "/"
	if _, rest, ok := strings.Cut(path, own); ok {
		return rest
	}
	return path
}

// page returns the results behind the id that the filter selects.
func (r *results) page(f cfs.ResultFilter, after int64, limit int) (cfs.ResultPage, error) {
	p := cfs.ResultPage{Results: []cfs.TaskResult{}}
	err := r.each(after, func(one *cfs.TaskResult) bool {
		if !f.Match(one) {
			return true
		}
		if p.More = len(p.Results) == limit; p.More {
			return false
		}
		p.Results = append(p.Results, *one)
		return true
	})
	p.LeftOut = r.leftOut
	return p, err
}

// hosts counts each host's results.
func (r *results) hosts() ([]cfs.HostResults, error) {
	byName := map[string]*cfs.HostResults{}
	err := r.each(0, func(one *cfs.TaskResult) bool {
		h := byName[one.Host]
		if h == nil {
			h = &cfs.HostResults{Host: one.Host}
			byName[one.Host] = h
		}
		h.Count(one.Status)
		return true
	})
	out := make([]cfs.HostResults, 0, len(byName))
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		out = append(out, *byName[name])
	}
	return out, err
}

// tailed is how much of tasks.jsonl is read for its last lines, in bytes.
const tailed = 16 << 10

// begun is the task whose line is the last one; nil if there is none.
func begun(d Dir) (out *cfs.Begun, err error) {
	size := int64(0)
	if f, err := d.OpenWork(resultsDir, "tasks.jsonl"); err == nil {
		if info, err := f.Stat(); err == nil {
			size = info.Size()
		}
		f.Close()
	}
	_, err = eachLine(d, "tasks.jsonl", max(size-tailed, 0), func(line []byte, _ int64) bool {
		var t task
		if json.Unmarshal(line, &t) == nil && t.ID != "" { // else it is what the end of another was
			layer, _, _ := strings.Cut(t.ID, ".")
			out = &cfs.Begun{Play: t.Play, Name: t.Task}
			out.Layer, _ = strconv.Atoi(layer)
		}
		return true
	})
	return out, err
}

// eachLine calls do with each whole line from the place on, and where it ends,
// as long as it returns true. A file that is not there has no lines.
func eachLine(d Dir, name string, from int64, do func(line []byte, end int64) bool) (end int64, err error) {
	f, err := d.OpenWork(resultsDir, name)
	if errors.Is(err, fs.ErrNotExist) {
		return from, nil
	}
	if err != nil {
		return from, err
	}
	defer f.Close()
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return from, err
	}
	lines := bufio.NewReaderSize(f, maxLine)
	for end = from; ; {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) { // what is behind the last line's end is being written
			return end, nil
		}
		if err != nil {
			return end, fmt.Errorf("read %s: %w", d.Path(resultsDir, name), err)
		}
		end += int64(len(line))
		if !do(bytes.TrimSuffix(line, []byte{'\n'}), end) {
			return end, nil
		}
	}
}
