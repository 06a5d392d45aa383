package aee

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Teardown is the last step of a session that opened images: it ends what the session left
// running in them and has IMS make the new ones. An image that could not be made is the
// session's failure.
func Teardown(ctx context.Context, d Dir, out io.Writer) error {
	EndMasters(d)
	settings, err := readSettings(d)
	if err != nil {
		return err
	}
	return closeImages(ctx, d, &settings, out)
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
