package cfs

import (
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
