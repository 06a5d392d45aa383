package cfs

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
)

// passthroughFlags are the arguments of ansible-playbook that a session may
// pass on; each takes a value.
var passthroughFlags = map[string]string{
	"-e": "--extra-vars", "--extra-vars": "--extra-vars",
	"-f": "--forks", "--forks": "--forks",
	"-t": "--tags", "--tags": "--tags",
	"--skip-tags": "--skip-tags", "--start-at-task": "--start-at-task",
}

// checkPassthrough refuses everything but the known flags with one value each.
// Words are split at blanks; quotes mean nothing.
func checkPassthrough(text string) error {
	words := strings.Fields(text)
	for len(words) > 0 {
		flag, value, joined := splitFlag(words[0])
		words = words[1:]
		name, known := passthroughFlags[flag]
		if !known {
			return fault.New(fault.Invalid, "ansible_passthrough: '%s' is not allowed; allowed are --extra-vars, --forks, --skip-tags, --start-at-task and --tags", flag)
		}
		if !joined {
			if len(words) == 0 {
				return fault.New(fault.Invalid, "ansible_passthrough: %s needs a value", flag)
			}
			value, words = words[0], words[1:]
		}
		if _, err := strconv.Atoi(value); err != nil && name == "--forks" {
			return fault.New(fault.Invalid, "ansible_passthrough: %s needs a number, not '%s'", flag, value)
		}
		if name == "--extra-vars" && readsFiles(strings.TrimPrefix(value, "=")) {
			return fault.New(fault.Invalid, "ansible_passthrough: %s must not read files of the machine that runs the playbook, as '%s' does: expected variables, or @ and the path of a file in the playbook's repository", flag, value)
		}
	}
	return nil
}

var (
	// plainFile is a path in which Ansible sees no variables, homes and quotes.
	plainFile = regexp.MustCompile(`^[A-Za-z0-9_./-]+$`)
	// lookups are what has a template of Ansible's read files and run commands.
	lookups = regexp.MustCompile(`(?s)\{[{%].*\b(lookup|query|q)\b`)
	// fileLimit is a pattern of hosts that Ansible takes for a file of such patterns.
	fileLimit = regexp.MustCompile(`(^|[,:])@`)
)

// readsFiles tells whether Ansible would read a file for extra variables that is not
// the repository's.
func readsFiles(value string) bool {
	if path, is := strings.CutPrefix(value, "@"); is {
		return !plainFile.MatchString(path) || !filepath.IsLocal(path)
	}
	return lookups.MatchString(value)
}

// checkLimit refuses patterns of hosts that Ansible would read from a file.
func checkLimit(limit string) error {
	if fileLimit.MatchString(limit) {
		return fault.New(fault.Invalid, "ansible_limit: '%s' has Ansible read a file of the machine that runs the playbook: expected hosts and groups", limit)
	}
	return nil
}

// ansibleConfigName is what can be the name of a directory below --ansible-config-dir,
// and of a ConfigMap.
var ansibleConfigName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)

// CheckAnsibleConfig refuses what is no name of an Ansible configuration in the field, a
// path above all. The empty one is that of Drover.
func CheckAnsibleConfig(field, name string) error {
	if name != "" && !ansibleConfigName.MatchString(name) {
		return fault.New(fault.Invalid, "%s: %.260q is no name of an Ansible configuration: expected letters, digits, '.', '_' and '-', with a letter or digit at both ends", field, name)
	}
	return nil
}

// splitFlag splits "--flag=value" and "-fvalue".
func splitFlag(word string) (flag, value string, joined bool) {
	if strings.HasPrefix(word, "--") {
		return strings.Cut(word, "=")
	}
	if strings.HasPrefix(word, "-") && len(word) > 2 {
		return word[:2], word[2:], true
	}
	return word, "", false
}
