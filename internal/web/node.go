package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/explain"
	"github.com/drover-hpc/drover/internal/explain/gather"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/xname"
)

// nodeView is all that is known of a node.
type nodeView struct {
	frame
	explain.Report
	Situation []explain.Said
	Session   string // of BOS
	Tenant    string // that owns it
	SessionOf string // tenant of the session
	Wish      string // where it is asked what shall be done with it
	Story     []step
	Earlier   int // steps that are not told
}

// step is an entry of the journal.
type step struct {
	journal.Entry
	Text string
	Hop  string // since the one before
}

// stepsTold is how many entries of the journal are told, the newest.
const stepsTold = 300

// nodeNamed is the node of the path.
func nodeNamed(r *http.Request) (string, error) {
	name := xname.Canonical(r.PathValue("node"))
	if !xname.IsNode(name) {
		return "", fault.New(fault.NotFound, "%q: expected the xname of a node, such as x1000c0s0b0n0", name)
	}
	return name, nil
}

func (h handler) node(r *http.Request) (framed, error) {
	name, err := nodeNamed(r)
	if err != nil {
		return nil, err
	}
	facts, err := h.of.Facts(r.Context(), name)
	if err != nil {
		return nil, err
	}
	v := &nodeView{frame: h.live("nodes"), Report: explain.Tell(facts), Situation: explain.Situation(facts)}
	v.At = facts.Now
	if facts.Component != nil {
		v.Session = facts.Component.Session
	}
	of := h.sessionTenants(r.Context())
	v.Wish, v.Tenant, v.SessionOf = wishLink([]string{name}), of.owner[name], of.of(name, v.Session)
	list := facts.Journal
	v.Earlier = max(0, len(list)-stepsTold)
	v.Story = story(list[v.Earlier:])
	return v, nil
}

// story is the journal with the time between its entries.
func story(list []journal.Entry) []step {
	out := make([]step, len(list))
	for i, e := range list {
		out[i] = step{Entry: e, Text: e.Text}
		if e.Kind == "status" {
			out[i].Text = strings.ReplaceAll(e.Text, "_", " ")
		}
		if i > 0 {
			out[i].Hop = "+" + e.Time.Sub(list[i-1].Time).Round(100*time.Millisecond).String()
		}
	}
	return out
}

// consoleView is what a node wrote last.
type consoleView struct {
	frame
	Node  string
	Lines []string
}

// Console lines of a page, and the seconds after which it is read again: BMCs are slow.
const (
	consoleLines = 500
	consoleEvery = 5
)

func (h handler) console(r *http.Request) (framed, error) {
	name, err := nodeNamed(r)
	if err != nil {
		return nil, err
	}
	var out struct{ Lines []string }
	err = h.of.Gateway("").Get(r.Context(), "/apis/drover"+gather.ConsolePath(name, consoleLines), &out)
	return &consoleView{frame: frame{Section: "nodes", Every: consoleEvery}, Node: name, Lines: out.Lines}, err
}

// number is what the text says, 0 for nothing sensible; it bounds it, too.
func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return min(max(n, 0), 1_000_000)
}
