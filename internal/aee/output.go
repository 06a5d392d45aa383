package aee

import (
	"fmt"
	"strings"

	"github.com/drover-hpc/drover/internal/job"
)

// maxFailure is how much of a host's line a message keeps, in bytes.
const maxFailure = 2000

// failedTask returns the first task of the last layer that hosts failed in,
// unless their errors were ignored: its name, the first host's line, and how
// many more hosts failed in it. "" if Ansible's output tells of none.
func failedTask(output string) string {
	if i := strings.LastIndex(output, layerMark); i >= 0 {
		output = output[i:]
	}
	var task string
	var failures []string
	for _, l := range strings.Split(output, "\n") {
		switch {
		case strings.HasPrefix(l, "TASK [") || strings.HasPrefix(l, "RUNNING HANDLER [") || strings.HasPrefix(l, "PLAY "):
			if len(failures) > 0 {
				return describeFailure(task, failures)
			}
			task = strings.TrimRight(l, " *")
		case strings.HasPrefix(l, "fatal: ["):
			failures = append(failures, l)
		case strings.HasPrefix(l, "...ignoring") && len(failures) > 0:
			failures = failures[:len(failures)-1]
		}
	}
	if len(failures) == 0 {
		return ""
	}
	return describeFailure(task, failures)
}

func describeFailure(task string, failures []string) string {
	line := failures[0]
	if len(line) > maxFailure {
		line = line[:maxFailure] + "..."
	}
	if more := len(failures) - 1; more > 0 {
		line += fmt.Sprintf(" (and %d more hosts)", more)
	}
	return job.Clean(task + " " + line)
}
