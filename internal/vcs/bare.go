package vcs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
)

// bare is the directory of a repository that is a copy. Its references are all in
// the file packed-refs: only the functions here write them.
type bare string

// mark is the file with the record of which a repository is a copy.
const mark = "mirrored"

// record is that of which this is a copy; fs.ErrNotExist: it is none.
func (b bare) record() (r Record, err error) {
	text, err := os.ReadFile(b.path(mark))
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	return r, err
}

func (b bare) path(name string) string { return filepath.Join(string(b), name) }

// become has the references be those of the record, whose objects are there.
func (b bare) become(r Record) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	err = b.writeRefs(r)
	if err == nil {
		err = renameio.WriteFile(b.path(mark), text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("write the references of repository %s: %w", r.Name, err)
	}
	return nil
}

// writeRefs has readers find the new references or those of before. What is left of
// single files that git wrote goes after that: they hide what packed-refs says.
func (b bare) writeRefs(r Record) error {
	var packed bytes.Buffer
	for _, ref := range r.names() {
		fmt.Fprintf(&packed, "%s %s\n", r.Refs[ref], ref)
	}
	if err := renameio.WriteFile(b.path("packed-refs"), packed.Bytes(), 0o600); err != nil {
		return err
	}
	kinds, err := os.ReadDir(b.path("refs"))
	for _, kind := range kinds {
		err = errors.Join(err, os.RemoveAll(b.path("refs/"+kind.Name())))
	}
	if err != nil {
		return err
	}
	return renameio.WriteFile(b.path("HEAD"), []byte("ref: "+r.Head+"\n"), 0o600)
}

// refs are the references as git reads them.
func (b bare) refs(ctx context.Context) (map[string]string, error) {
	text, err := git(ctx, "-C", string(b), "for-each-ref", "--format=%(objectname) %(refname)")
	out := map[string]string{}
	for line := range strings.Lines(text) {
		object, ref, _ := strings.Cut(strings.TrimSpace(line), " ")
		out[ref] = object
	}
	return out, err
}

// pack makes a pack of what the references lead to and the known ones do not, in a
// directory that is there; empty: there is nothing.
func (b bare) pack(ctx context.Context, refs, known map[string]string, dir string) (pack string, err error) {
	var revs bytes.Buffer
	for _, object := range refs {
		fmt.Fprintln(&revs, object)
	}
	for _, object := range known {
		fmt.Fprintln(&revs, "^"+object)
	}
	if _, err := gitWith(ctx, &revs, "-C", string(b), "pack-objects", "--quiet", "--revs", "--delta-base-offset", "--non-empty", filepath.Join(dir, "pack")); err != nil {
		return "", err
	}
	made, err := filepath.Glob(filepath.Join(dir, "pack-*.pack"))
	if err != nil || len(made) == 0 {
		return "", err
	}
	return made[0], nil
}

// take moves a pack that pack made into the repository. It is there for git with the
// last file of the three.
func (b bare) take(pack string) error {
	stem := strings.TrimSuffix(pack, ".pack")
	for _, end := range []string{".pack", ".rev", ".idx"} {
		err := os.Rename(stem+end, b.path("objects/pack/"+filepath.Base(stem)+end))
		if err != nil && (end != ".rev" || !errors.Is(err, os.ErrNotExist)) {
			return err
		}
	}
	return nil
}

// receive adds the objects of a pack, whose sum git checks.
func (b bare) receive(ctx context.Context, pack io.Reader) error {
	_, err := gitWith(ctx, pack, "-C", string(b), "index-pack", "--stdin", "--fix-thin")
	return err
}

// whole is an error if not all is there that the references lead to.
func (b bare) whole(ctx context.Context, refs map[string]string) error {
	var revs bytes.Buffer
	for _, object := range refs {
		fmt.Fprintln(&revs, object)
	}
	if revs.Len() == 0 {
		return nil
	}
	_, err := gitWith(ctx, &revs, "-C", string(b), "rev-list", "--objects", "--quiet", "--stdin")
	return err
}
