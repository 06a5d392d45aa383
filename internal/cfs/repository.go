package cfs

import "context"

// Repository is where git finds commits.
type Repository struct {
	URL string
	// Secret authenticates; nil: what the site has set for git.
	Secret *Secret
}

// Resolver finds the commits that names stand for, without a clone.
type Resolver interface {
	// Resolve returns the commit (40 hexadecimal digits) of each name: a
	// branch, a tag (that of the commit it points at), or a full commit, in
	// one call to the repository. A name that the repository does not have is
	// a fault.Invalid, as is a repository that git cannot read.
	Resolve(ctx context.Context, repo Repository, names []string) (map[string]string, error)
}
