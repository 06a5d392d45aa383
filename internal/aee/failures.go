package aee

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/xname"
)

// lastLayer selects what went wrong in the layer that ended the step.
func lastLayer(session cfs.Job, r *results) ([]cfs.TaskResult, error) {
	last := map[int][]cfs.TaskResult{}
	top := -1
	place := map[int]int{} // the order of layers is the job's
	for i, l := range session.Layers {
		place[l.Index] = i
	}
	err := r.each(0, func(one *cfs.TaskResult) bool {
		if at := place[one.Layer]; at >= top {
			if at > top {
				clear(last)
			}
			top = at
			if slices.Contains(cfs.Fatal, one.Status) {
				last[at] = append(last[at], *one)
			}
		}
		return true
	})
	return last[max(top, 0)], err
}

// Bounds of what a message says of failures.
const (
	maxKinds    = 20   // of failures
	maxFailure  = 2000 // bytes of the only one's message
	maxFailures = 400  // bytes of each of several
	maxNames    = 2000 // bytes of a list of hosts
)

// failures names what went wrong in a step of Ansible: hosts, task and message
// of each kind. "" if no task tells.
func failures(d Dir) string {
	session, err := readJob(d)
	if err != nil {
		return ""
	}
	r, err := openResults(d)
	if err != nil {
		return ""
	}
	wrong, err := lastLayer(session, r)
	if err != nil {
		return ""
	}
	return describeFailures(wrong)
}

// failureKind is what several hosts may have in common.
type failureKind struct {
	task, message string // the host's own name in it is replaced
	status        cfs.Outcome
}

// failed are the hosts of a kind, and one of their messages.
type failed struct {
	failureKind
	hosts []string
	says  string
}

func describeFailures(wrong []cfs.TaskResult) string {
	kinds := kindsOf(wrong)
	room := maxFailure
	if len(kinds) > 1 {
		room = maxFailures
	}
	var lines []string
	for i, k := range kinds {
		if i == maxKinds {
			var rest []string
			for _, k := range kinds[i:] {
				rest = append(rest, k.hosts...)
			}
			lines = append(lines, fmt.Sprintf("and %d more kinds of failure on %s", len(kinds)-i, nameHosts(rest)))
			break
		}
		how := "failed on"
		if k.status == cfs.OutcomeUnreachable {
			how = "did not reach"
		}
		lines = append(lines, fmt.Sprintf("task '%s' %s %s: %s", k.task, how, nameHosts(k.hosts), shortened(k.says, room)))
	}
	return strings.Join(lines, "\n")
}

// kindsOf puts together what is alike, the most frequent first.
func kindsOf(wrong []cfs.TaskResult) []*failed {
	// Which host came first is chance: the words are those of the first by name.
	slices.SortStableFunc(wrong, func(a, b cfs.TaskResult) int { return strings.Compare(a.Host, b.Host) })
	known := map[failureKind]*failed{}
	var kinds []*failed
	for i := range wrong {
		one := &wrong[i]
		k := failureKind{one.Task, strings.ReplaceAll(one.Message, one.Host, "\x00"), one.Status}
		if known[k] == nil {
			known[k] = &failed{failureKind: k, says: one.Message}
			kinds = append(kinds, known[k])
		}
		known[k].hosts = append(known[k].hosts, one.Host)
	}
	slices.SortStableFunc(kinds, func(a, b *failed) int { return cmp.Compare(len(b.hosts), len(a.hosts)) })
	return kinds
}

// nameHosts lists hosts briefly, and says how many they are.
func nameHosts(hosts []string) string {
	names := xname.Fold(hosts)
	if len(names) > maxNames {
		names = names[:maxNames]
		names = names[:max(strings.LastIndexByte(names, ','), 0)] + " and others"
	}
	if len(hosts) > 1 {
		names += fmt.Sprintf(" (%d hosts)", len(hosts))
	}
	return names
}

func shortened(text string, room int) string {
	if len(text) > room {
		text = text[:room] + "..."
	}
	return job.Clean(text)
}
