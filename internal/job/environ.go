package job

import (
	"slices"
	"strings"
)

// inherited are the variables that a job has of its server's environment: what
// tells programs where they are and how to reach others. Those that end in * stand
// for all that begin so.
var inherited = []string{"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ", "LANG", "LANGUAGE", "LC_*",
	"http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY",
	"SSL_CERT_FILE", "SSL_CERT_DIR", Variable}

// Environ is what a job may have of an environment, with further variables,
// written as those that are inherited.
func Environ(env []string, further ...string) []string {
	may := func(name string) bool {
		return slices.ContainsFunc(slices.Concat(inherited, further), func(one string) bool {
			begin, any := strings.CutSuffix(one, "*")
			return name == one || any && strings.HasPrefix(name, begin)
		})
	}
	var out []string
	for _, v := range env {
		if name, _, _ := strings.Cut(v, "="); may(name) {
			out = append(out, v)
		}
	}
	return out
}
