package aee

import (
	"fmt"
	"regexp"
)

// gitFault is a call of git that failed.
type gitFault struct {
	verb  string
	err   error
	words string // what git said, in English
}

func (f *gitFault) Error() string { return fmt.Sprintf("git %s: %v: %s", f.verb, f.err, f.words) }

func (f *gitFault) Unwrap() error { return f.err }

// refusals are git's words for what waiting does not mend, and what does. Words
// that are not here may pass: no connection, no name, no answer in time, 5xx.
var refusals = []struct {
	words  *regexp.Regexp
	advice string
}{
	{regexp.MustCompile(`(?im)^fatal: (authentication failed|could not read (username|password))|^(.*: )?permission denied \(|returned error: 40[13]`),
		"check the login of the source, or that it may read the repository"},
	{regexp.MustCompile(`(?im)^host key verification failed`),
		"have the server's SSH know the host key of the git server (known_hosts)"},
	{regexp.MustCompile(`(?im)detected dubious ownership`),
		"give the directory of mirrors, or the repository, to the user that the server runs as (chown -R)"},
	{regexp.MustCompile(`(?im)^(fatal|error): .*(ssl certificate problem|certificate verif|certificate subject)`),
		"have the server trust the git server's certificate (CA file)"},
	{regexp.MustCompile(`(?im)^fatal: .*(transport '.*' not allowed|unable to find remote helper|bad/illegal format|port number|no path specified|protocol .* not supported)|^git: 'remote-.*' is not a git command`),
		"correct the clone URL: expected https://, http://, ssh://, git:// or a path"},
	{regexp.MustCompile(`(?im)^(fatal|error|remote|.*error:).*(repository (.* )?(not found|does not exist)|does not appear to be a git repository|is this a git repository)|returned error: 4(0[0456]|1[0-9])`),
		"correct the clone URL; to some servers a repository without the right login is not there"},
	{regexp.MustCompile(`(?im)^batch response: .*(keeps no git lfs|repository or object not found|authorization error|authentication required)|object does not exist on the server|remote missing object`),
		"correct the Git LFS server's URL (lfs.url in .lfsconfig) or login, or have somebody push the files to it (git lfs push --all)"},
	{regexp.MustCompile(`(?im)^(fatal|error): .*permission denied`),
		"let the user that the server runs as write to the directory"},
	{regexp.MustCompile(`(?im)cannot lock ref|unable to resolve reference|not a git repository`),
		"the mirror in the cache is damaged: remove it, the next session makes it again"},
}

// refused returns what to do about git's words if waiting does not mend it, else "".
func refused(words string) (advice string) {
	for _, r := range refusals {
		if r.words.MatchString(words) {
			return r.advice
		}
	}
	return ""
}
