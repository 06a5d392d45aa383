package progress

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/httpapi"
)

// First is a session of version 1 with its status tree.
type First struct {
	ID           string    `json:"-"`
	Operation    string    `json:"operation"`
	TemplateName string    `json:"templateName"`
	Complete     bool      `json:"complete"`
	StartTime    string    `json:"start_time"`
	StopTime     string    `json:"stop_time"`
	BootSets     []BootSet `json:"-"`
}

// BootSet is a boot set's part of the tree.
type BootSet struct {
	Name   string `json:"name"`
	Phases []struct {
		Name       string `json:"name"`
		Categories []struct {
			Name  string   `json:"name"`
			Nodes []string `json:"node_list"`
		} `json:"categories"`
		Errors map[string][]string `json:"errors"`
	} `json:"phases"`
}

// The rows of a session of version 1 are its phases. A node is in the first
// one that it has not succeeded in.
var firstPhases = []phase{firstRow("shutdown"), firstRow("boot"), firstRow("configure"), finished}

const (
	notStarted = "not_started"
	inProgress = "in_progress"
	succeeded  = "succeeded"
	excluded   = "excluded"
)

func firstRow(name string) phase {
	return phase{name, []string{name + " " + notStarted, name + " " + inProgress}, []string{"not started", "in progress"}}
}

// Snapshot is the session in the form of one of version 2. What is wrong and
// befell no node is the session's error.
func (f *First) Snapshot() *Snapshot {
	s := &Snapshot{First: true}
	s.Session.Name, s.Session.Operation, s.Session.TemplateName = f.ID+" of BOS v1", f.Operation, f.TemplateName
	s.Session.Status.StartTime = f.StartTime
	switch {
	case f.Complete:
		s.Session.Status.Status, s.Session.Status.EndTime = "complete", &f.StopTime
	case f.StartTime != "":
		s.Session.Status.Status = "running"
	default:
		s.Session.Status.Status = "pending"
	}
	var problems []string
	for i := range f.BootSets {
		problems = append(problems, f.BootSets[i].add(s)...)
	}
	if len(problems) > 0 {
		text := strings.Join(problems, "; ")
		s.Session.Status.Error = &text
	}
	s.Extended.LeftOutCount = len(s.Extended.LeftOut)
	return s
}

// add adds the boot set's nodes to the snapshot and returns the errors that are
// about none.
func (b *BootSet) add(s *Snapshot) (problems []string) {
	stands := map[string]*Component{} // the first phase that the node has not succeeded in
	for _, p := range b.Phases {
		why := map[string]string{}
		for _, message := range slices.Sorted(maps.Keys(p.Errors)) {
			if text := "boot set '" + b.Name + "': " + message; len(p.Errors[message]) == 0 && !slices.Contains(problems, text) {
				problems = append(problems, text)
			}
			for _, n := range p.Errors[message] {
				why[n] = strings.TrimPrefix(why[n]+"; "+message, "; ")
			}
		}
		for _, category := range p.Categories {
			for _, n := range category.Nodes {
				if c := stands[n]; c != nil && c.Status.Status != stable {
					continue
				}
				c := &Component{ID: n, Error: why[n]}
				switch stands[n] = c; category.Name {
				case succeeded:
					c.Status.Status = stable
				case failed:
					c.Status.Status, c.Error = failed, "phase "+p.Name+": "+why[n]
				case excluded:
					c.Status.Status = excluded
				default:
					c.Status.Status = p.Name + " " + category.Name
				}
			}
		}
	}
	for _, n := range slices.Sorted(maps.Keys(stands)) {
		if c := stands[n]; c.Status.Status == excluded {
			s.Extended.LeftOut = append(s.Extended.LeftOut, Told{n, c.Error})
		} else {
			s.Components = append(s.Components, *c)
		}
	}
	return problems
}

// firstSession is a session of version 1.
type firstSession struct {
	Gateway
	id string
}

// Snapshot asks for the status tree. A boot set that the agent has not come to
// has no status.
func (f *firstSession) Snapshot(ctx context.Context) (*Snapshot, error) {
	out := First{ID: f.id}
	path := firstAPI + httpapi.Segment(f.id)
	if err := f.Get(ctx, path, &out); err != nil {
		return nil, err
	}
	var top struct {
		BootSets []string `json:"boot_sets"`
	}
	if err := f.Get(ctx, path+"/status", &top); err != nil && !f.Missing(err) {
		return nil, err
	}
	for _, name := range top.BootSets {
		var set BootSet
		switch err := f.Get(ctx, path+"/status/"+httpapi.Segment(name), &set); {
		case err == nil:
			out.BootSets = append(out.BootSets, set)
		case !f.Missing(err):
			return nil, err
		}
	}
	return out.Snapshot(), nil
}

// Events implements Follower: changes cannot be told of version 1.
func (f *firstSession) Events() string { return "" }
