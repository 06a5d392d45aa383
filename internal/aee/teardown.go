package aee

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Teardown is the last step: it ends what the session left running on nodes,
// has IMS make the session's images, and removes all but the records and logs.
// An image that could not be made is the session's failure; what cannot be
// removed is not.
func Teardown(ctx context.Context, d Dir, out io.Writer) error {
	EndMasters(d)
	settings, err := readSettings(d)
	if err == nil {
		err = closeImages(ctx, d, &settings, out)
	}
	if settings.Cage != nil { // the supervisor removes the rest
		return err
	}
	if cerr := Clean(d); cerr != nil {
		fmt.Fprintln(out, cerr)
	}
	return err
}

// Clean ends SSH masters and removes checkouts, keys and helpers. It may be
// repeated.
func Clean(d Dir) error {
	work := d.Work()
	if work == d {
		EndMasters(d)
	} // else they ended with their cage, which may have written anything of them
	paths, err := filepath.Glob(work.Path("layer*"))
	if err != nil {
		return fmt.Errorf("clean job directory: %w", err)
	}
	for _, name := range []string{"ssh", "hosts", "plugins", "tmp", "askpass", "logins.json", "ansible.cfg", unreported, "waits.json"} {
		paths = append(paths, work.Path(name))
	}
	if work != d {
		paths = append(paths, d.Path("ssh"), d.Path("logins.json"), d.Path(cageDir), d.Path(enterFile), work.Path("cp"), work.Path("cp.path"))
	}
	var errs []error
	for _, p := range paths {
		errs = append(errs, os.RemoveAll(p))
	}
	return errors.Join(errs...)
}
