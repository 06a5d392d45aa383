package vcs

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
)

// Mirror is where all servers of a site keep the repositories. A server's own
// directories then are copies, made and brought up to date when it begins to lead.
type Mirror struct {
	Index Index
	Packs Packs
}

// Index is what the servers agree on: of two that write, one is refused. Only the
// server that leads can write it.
type Index interface {
	All(ctx context.Context) ([]Record, error)
	// Put replaces the repository's record of one generation less; the first generation
	// is added, or replaces a record that is Deleted. It is a fault.Conflict if another one
	// is there. After any other error it may be there or not.
	Put(ctx context.Context, r Record) error
}

// Packs are git's packs, each under a key that is never used again.
type Packs interface {
	Store(ctx context.Context, key string, pack io.Reader, size int64) error
	// Load writes the pack to w; one that is not there is a fault.NotFound.
	Load(ctx context.Context, key string, w io.Writer) error
	Keys(ctx context.Context) ([]string, error)
	// Delete removes the pack; one that is not there is fine.
	Delete(ctx context.Context, key string) error
}

// Record is one repository in the Index. Its packs hold all that its references lead to.
type Record struct {
	// Name is ORG/NAME.
	Name string `json:"name"`
	// ID is of this repository alone: one that is deleted and made again has another.
	ID string `json:"id"`
	// Generation is 1 at first, and one more after each change.
	Generation int64 `json:"generation"`
	// Deleted: there is none any more. Of a repository without a record nobody knows
	// that: the index may be new, or of a backup.
	Deleted bool `json:"deleted,omitempty"`
	// Head is the full name of the branch that a clone checks out.
	Head string `json:"head"`
	// Refs are the objects that references, by their full names, lead to.
	Refs map[string]string `json:"refs"`
	// Packs begins with the one that held everything when it was made; each of the others
	// has what one push brought.
	Packs []Pack `json:"packs"`
}

// Pack is where one is, and how many bytes.
type Pack struct {
	Key  string `json:"key"`
	Size int64  `json:"size"`
}

// change is what becomes of a reference. An empty object is none.
type change struct{ ref, from, to string }

// changes leads from the references of before to those of after, in the order of
// their names.
func changes(before, after map[string]string) (out []change) {
	for ref, to := range after {
		if from := before[ref]; from != to {
			out = append(out, change{ref, from, to})
		}
	}
	for ref, from := range before {
		if after[ref] == "" {
			out = append(out, change{ref: ref, from: from})
		}
	}
	slices.SortFunc(out, func(a, b change) int { return strings.Compare(a.ref, b.ref) })
	return out
}

// Follows tells whether the record may take the place of the one that is there, the
// zero value if there is none.
func (r Record) Follows(old Record) bool {
	if r.Generation == 1 {
		return old.ID == "" || old.Deleted
	}
	return old.ID == r.ID && old.Generation == r.Generation-1
}

// with is the record's next generation, in which the references have changed and the
// packs have come to it. It is a fault.Conflict if a reference was changed meanwhile, or
// cannot be beside another.
func (r Record) with(list []change, packs ...Pack) (Record, error) {
	next := r
	next.Generation++
	next.Packs = append(slices.Clone(r.Packs), packs...)
	next.Refs = map[string]string{}
	for ref, object := range r.Refs {
		next.Refs[ref] = object
	}
	for _, c := range list {
		if r.Refs[c.ref] != c.from {
			return r, fault.New(fault.Conflict, "%s was changed by another push meanwhile: fetch, then push again", c.ref)
		}
		if next.Refs[c.ref] = c.to; c.to == "" {
			delete(next.Refs, c.ref)
		}
	}
	refs := next.names()
	for _, ref := range refs {
		for i := strings.IndexByte(ref, '/'); i >= 0; i = after(ref, i) {
			if next.Refs[ref[:i]] != "" {
				return r, fault.New(fault.Conflict, "%s cannot be beside %s, which another push brought: push it under another name", ref, ref[:i])
			}
		}
	}
	if next.Refs[next.Head] == "" {
		if branch := usualBranch(branches(refs)); branch != "" {
			next.Head = heads + branch
		}
	}
	return next, nil
}

// after is where the next slash is; negative: nowhere.
func after(ref string, slash int) int {
	i := strings.IndexByte(ref[slash+1:], '/')
	if i < 0 {
		return -1
	}
	return slash + 1 + i
}

// names are those of the references, in order.
func (r Record) names() []string {
	out := make([]string, 0, len(r.Refs))
	for ref := range r.Refs {
		out = append(out, ref)
	}
	slices.Sort(out)
	return out
}

// branches are the short names of those among the references.
func branches(refs []string) (out []string) {
	for _, ref := range refs {
		if short, is := strings.CutPrefix(ref, heads); is {
			out = append(out, short)
		}
	}
	return out
}

// fat: so much came since the first pack that one pack in place of all saves more
// than it costs.
func (r Record) fat() bool {
	if len(r.Packs) < 2 {
		return false
	}
	var since int64
	for _, p := range r.Packs[1:] {
		since += p.Size
	}
	return len(r.Packs) > maxPacks || since > max(r.Packs[0].Size, smallPacks)
}

const (
	// maxPacks is how many requests a server makes at most for one repository that it
	// does not have.
	maxPacks = 32
	// smallPacks is how many bytes are not worth to be put together.
	smallPacks = 1 << 20
)
