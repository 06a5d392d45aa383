package aee

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/drover-hpc/drover/internal/job"
)

// absent is what Ansible did not find: a plugin of a kind, by the name that
// the playbook has for it, full (community.general.ini_file) or short (mount).
type absent struct{ kind, name string }

// complaints are the words of Ansible's versions for what is not there.
var complaints = []struct {
	kind  string // as Ansible's table of moved plugins has it; empty: in the words
	words *regexp.Regexp
}{
	{"modules", regexp.MustCompile(`couldn't resolve module/action '(?P<name>[\w.]+)'`)},
	{"", regexp.MustCompile(`Invalid plugin FQCN \((?P<name>[\w.]+)\): unable to locate collection`)},
	{"", regexp.MustCompile(`No (?P<kind>filter|test) named '(?P<name>[\w.]+)'`)},
	{"", regexp.MustCompile(`(?P<kind>lookup|connection) plugin [('](?P<name>[\w.]+)[)'] (?:was )?not found`)},
	{"role", regexp.MustCompile(`the role '(?P<name>\w+\.\w+\.[\w.]+)' was not found`)},
	{"strategy", regexp.MustCompile(`Invalid play strategy specified: (?P<name>\w+\.\w+\.[\w.]+)`)},
	{"become", regexp.MustCompile(`Invalid become method specified, could not find matching plugin: '(?P<name>[\w.]+)'`)},
}

// findAbsent returns what the output says first is not there, and where.
func findAbsent(output string) (found absent, at int, ok bool) {
	at = len(output)
	for _, c := range complaints {
		match := c.words.FindStringSubmatchIndex(output)
		if match == nil || match[0] >= at {
			continue
		}
		words := func(group string) string {
			if i := c.words.SubexpIndex(group); i > 0 {
				return output[match[2*i]:match[2*i+1]]
			}
			return ""
		}
		found, at, ok = absent{kind: c.kind + words("kind"), name: words("name")}, match[0], true
	}
	return found, at, ok
}

// collectionOf is the collection that a full name begins with, if it is one
// that has to be installed.
func collectionOf(name string) string {
	parts := strings.SplitN(name, ".", 3)
	if len(parts) < 3 || parts[0] == "ansible" && (parts[1] == "builtin" || parts[1] == "legacy") {
		return ""
	}
	return parts[0] + "." + parts[1]
}

// maxOrigin is how much of Ansible's own words go with the advice, in bytes.
const maxOrigin = 500

// withCollection puts before told, which says what failed, which collection the
// last layer's output misses, if it misses one, and where to put it. moved is
// where Ansible says that a short name has gone.
func withCollection(output, told string, moved func(absent) string) string {
	if i := strings.LastIndex(output, layerMark); i >= 0 {
		output = output[i:]
	}
	a, at, ok := findAbsent(output)
	if !ok {
		return told
	}
	advice := collectionAdvice(a, moved)
	if advice == "" {
		return told
	}
	if told == "" { // no task ran: Ansible did not get beyond reading
		told = job.Clean(output[at:min(len(output), at+maxOrigin)])
	}
	return advice + "\n" + told
}

func collectionAdvice(a absent, moved func(absent) string) string {
	full, what := a.name, a.name
	if !strings.Contains(full, ".") {
		full = moved(a)
		what = a.name + " (" + full + ")"
	}
	collection := collectionOf(full)
	if collection == "" {
		return ""
	}
	return fmt.Sprintf("Ansible found no %s: the collection %s is not installed where the server runs, or has no such thing. "+
		"Put it into the layer's repository, as collections/ansible_collections/%s beside the playbook, or install it there: "+
		"ansible-galaxy collection install %s -p /usr/share/ansible/collections",
		what, collection, strings.Replace(collection, ".", "/", 1), collection)
}

// versionTime bounds the question for Ansible's place.
const versionTime = 20 * time.Second

// movedPlugin is the full name that the installed Ansible has for a short one
// that went to a collection; "" if it knows of none.
func movedPlugin(a absent) string {
	ctx, cancel := context.WithTimeout(context.Background(), versionTime)
	defer cancel()
	version, err := exec.CommandContext(ctx, "ansible-playbook", "--version").Output()
	if err != nil {
		return ""
	}
	_, place, found := strings.Cut(string(version), "ansible python module location = ")
	if !found {
		return ""
	}
	place, _, _ = strings.Cut(place, "\n")
	text, err := os.ReadFile(filepath.Join(place, "config", "ansible_builtin_runtime.yml"))
	if err != nil {
		return ""
	}
	return movedIn(text, a)
}

// movedIn looks into Ansible's table of moved plugins.
func movedIn(table []byte, a absent) string {
	var runtime struct {
		Routing map[string]map[string]struct {
			Redirect string `yaml:"redirect"`
		} `yaml:"plugin_routing"`
	}
	if yaml.Unmarshal(table, &runtime) != nil {
		return ""
	}
	return runtime.Routing[a.kind][a.name].Redirect
}
