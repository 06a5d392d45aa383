package job

import (
	"context"
	"os"

	"github.com/drover-hpc/drover/internal/fault"
)

// LeftBehind is what of every job's directory tells, after its end, what it did: names
// of files, and of directories with all files in them. What a job was given, its tokens
// among it, is not part of it.
var LeftBehind = []string{"result.json", "steps.json", "log"}

// Shelf has what jobs left behind that ended here, or on the machine of a server that
// led before.
type Shelf interface {
	// Ended says that a job has.
	Ended(id string)
	// Removed says that nothing is to be left of a job.
	Removed(id string)
	// Dir is the directory of a job that runs here, or of what is kept of one; else
	// it is a fault.NotFound.
	Dir(ctx context.Context, id string) (Dir, error)
}

// Keep has what jobs leave be on the shelf as well; without it that is in the spool
// alone. It is for before the executor opens.
func (s *Spool) Keep(shelf Shelf) { s.shelf = shelf }

// Left is the directory with what there is of the job, here or on the shelf, which may
// be nothing.
func (s *Spool) Left(ctx context.Context, id string) (Dir, error) {
	own, ok := s.Dir(id)
	if !ok {
		return "", fault.New(fault.NotFound, "no job has the id '%s'", id)
	}
	if s.shelf == nil {
		return own, nil
	}
	d, err := s.shelf.Dir(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return own, nil
	}
	return d, err
}

// Remove removes what there is of the job, here and on the shelf. Unknown IDs are fine.
func (s *Spool) Remove(id string) error {
	d, ok := s.Dir(id)
	if !ok {
		return nil
	}
	err := os.RemoveAll(string(d))
	if err == nil && s.shelf != nil {
		s.shelf.Removed(id)
	}
	return err
}

// shelve tells the shelf of the job if it has ended.
func (s *Spool) shelve(id string) {
	if s.shelf == nil {
		return
	}
	if d, ok := s.Dir(id); ok {
		if _, err := d.Result(); err == nil {
			s.shelf.Ended(id)
		}
	}
}
