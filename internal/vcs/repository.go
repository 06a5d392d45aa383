package vcs

import (
	"regexp"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
)

// Repository is a git repository that this server keeps.
type Repository struct {
	Org      string `json:"org" example:"cray" doc:"Organization that the repository belongs to"`
	Name     string `json:"name" example:"site-config" doc:"Name in the organization, without .git"`
	CloneURL string `json:"clone_url" example:"http://127.0.0.1:8080/vcs/cray/site-config.git" doc:"Where clients clone it from and push to"`
	// DefaultBranch is what a clone checks out: main, or what the first push
	// brought where that was not main.
	DefaultBranch string `json:"default_branch,omitempty" example:"main" doc:"Branch that a clone checks out; none while nothing was pushed"`
}

// name is a repository's, checked: it is safe as a path.
type name struct{ org, repo string }

func (n name) String() string { return n.org + "/" + n.repo }

// path is the repository's below the directory of all.
func (n name) path() string { return n.org + "/" + n.repo + ".git" }

const maxName = 100

// word has no separator, and begins neither hidden nor as an option.
var word = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// parseName checks the two halves of a repository's name. The name may end
// with .git, as it does in URLs.
func parseName(org, repo string) (name, error) {
	repo = strings.TrimSuffix(repo, ".git")
	for _, part := range []struct{ what, text string }{{"organization", org}, {"repository", repo}} {
		if len(part.text) > maxName || !word.MatchString(part.text) || strings.HasSuffix(part.text, ".git") {
			return name{}, fault.New(fault.Invalid,
				"%s '%s': expected at most %d letters, digits, '.', '_' and '-', of which the first is a letter or digit, and no .git at the end",
				part.what, part.text, maxName)
		}
	}
	return name{org, repo}, nil
}
