package progress

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/drover-hpc/drover/internal/httpapi"
)

// Work is a configuration session that runs on nodes of a boot session.
type Work struct {
	Session       string // of CFS
	Configuration string
	// Playbook is the one that plays, and Task the task that began last; until one has begun
	// they are empty, and Step tells what is done.
	Playbook, Task, Step string
	Nodes                int // of the boot session
}

func (w Work) String() string {
	what := "step " + w.Step
	switch {
	case w.Task != "":
		what = w.Playbook + ", task '" + w.Task + "'"
	case w.Step == "":
		what = "about to begin"
	}
	return fmt.Sprintf("%s on %s: %s", w.Configuration, Nodes(w.Nodes), what)
}

// Bounds of what is asked about the work: sessions that run, and those that are told of.
const (
	workSessions = 1000
	workTold     = 3
)

// work tells what runs on the nodes that are being configured, the sessions with most of them
// first. What the configuration service does not tell is not told.
func (g Gateway) work(ctx context.Context, components []Component) []Work {
	configuring := map[string]bool{}
	for i := range components {
		if c := &components[i]; c.Status.Status == "configuring" {
			configuring[c.ID] = true
		}
	}
	if len(configuring) == 0 {
		return nil
	}
	all, _ := g.Running(ctx, configuring) // what is not told is not shown
	slices.SortStableFunc(all, func(a, b Work) int { return cmp.Compare(b.Nodes, a.Nodes) })
	all = all[:min(len(all), workTold)]
	for i := range all {
		g.doing(ctx, &all[i])
	}
	return all
}

// Running are the configuration sessions that run on any of the nodes, without what they do.
func (g Gateway) Running(ctx context.Context, nodes map[string]bool) (out []Work, err error) {
	var page struct {
		Sessions []struct {
			Name          string
			Configuration struct{ Name string }
			Ansible       struct{ Limit *string }
		}
	}
	q := url.Values{"status": {"running"}, "limit": {strconv.Itoa(workSessions)}}
	if err := g.Get(ctx, cfsAPI+"/sessions?"+q.Encode(), &page); err != nil {
		return nil, err
	}
	for i := range page.Sessions {
		s := &page.Sessions[i]
		if s.Ansible.Limit == nil {
			continue
		}
		w := Work{Session: s.Name, Configuration: s.Configuration.Name}
		for name := range strings.SplitSeq(*s.Ansible.Limit, ",") {
			if nodes[name] {
				w.Nodes++
			}
		}
		if w.Nodes > 0 {
			out = append(out, w)
		}
	}
	return out, nil
}

// doing asks where the session's job is.
func (g Gateway) doing(ctx context.Context, w *Work) {
	var log struct {
		Step   string
		Layers []struct{ Playbook string }
		Task   *struct {
			Layer int
			Name  string
		}
	}
	if g.Get(ctx, cfsSessions+httpapi.Segment(w.Session)+"/log", &log) != nil {
		return
	}
	w.Step = log.Step
	if t := log.Task; t != nil {
		w.Task = t.Name
		if t.Layer >= 0 && t.Layer < len(log.Layers) {
			w.Playbook = log.Layers[t.Layer].Playbook
		}
	}
}
