package kubernetes

import (
	"crypto/subtle"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/job/pod"
)

// maxPart bounds the body of a request.
const maxPart = 4 << 20

// Reports takes what the steps of the job with the id recorded in the file: PATCH
// appends at an offset, PUT replaces, DELETE removes. Only who has the job's
// token may.
func (e *Executor) Reports(w http.ResponseWriter, r *http.Request, id, name string) {
	d, ok := e.Dir(id)
	report, err := job.Read[pod.Report](d, pod.ReportFile)
	_, over := d.Result()
	if !ok || err != nil || over == nil {
		http.Error(w, "no job "+strconv.Quote(id)+" that runs", http.StatusNotFound)
		return
	}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if subtle.ConstantTimeCompare([]byte(token), []byte(report.Token)) != 1 {
		http.Error(w, "not the token of the job", http.StatusForbidden)
		return
	}
	grows := slices.Contains(e.cfg.Grown, name)
	if !grows && !slices.Contains(e.cfg.Replaced, name) || grows != (r.Method == http.MethodPatch) {
		http.Error(w, r.Method+" of "+strconv.Quote(name)+" is nothing that a job reports", http.StatusBadRequest)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPart))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	switch path := d.Path(name); r.Method {
	case http.MethodPatch:
		e.appendTo(w, path, r.FormValue("offset"), body)
	case http.MethodPut:
		err = replace(path, body)
	case http.MethodDelete:
		if err = os.Remove(path); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	e.Tell(id)
}

// appendTo appends if the offset is where the file ends, else it answers where
// that is.
func (e *Executor) appendTo(w http.ResponseWriter, path, offset string, body []byte) {
	size, err := appendAt(path, offset, body, e.cfg.MaxReported)
	switch {
	case errors.Is(err, errOffset):
		w.Header().Set(pod.OffsetHeader, strconv.FormatInt(size, 10))
		http.Error(w, err.Error(), http.StatusConflict)
	case errors.Is(err, errFull):
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

var (
	errOffset = errors.New("the file ends elsewhere")
	errFull   = errors.New("the file is as long as it may be")
)

func appendAt(path, offset string, body []byte, most int64) (size int64, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return 0, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if size, err = f.Seek(0, io.SeekEnd); err != nil {
		return 0, err
	}
	if offset != strconv.FormatInt(size, 10) {
		return size, errOffset
	}
	if most > 0 && size+int64(len(body)) > most {
		return size, errFull
	}
	_, err = f.Write(body)
	return size, err
}

func replace(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
