package overview

import (
	"cmp"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/roster"
)

// Stand is where a node stands, in a word.
type Stand string

// Where nodes stand.
const (
	Failed      Stand = "failed"      // its boot or its configuration failed
	Moving      Stand = "moving"      // it is on its way on or off, or waits for that
	Configuring Stand = "configuring" // it is up; its configuration is under way
	Stable      Stand = "stable"      // it is up and nothing is to be done
	Off         Stand = "off"         // it is off and nothing is to be done
	Unknown     Stand = "unknown"     // who would know does not say
)

// Stands are all, what asks for attention first.
var Stands = []Stand{Failed, Moving, Configuring, Stable, Off, Unknown}

// StandOf is where the node stands.
func StandOf(n *roster.Node) Stand {
	switch {
	case n.Status == "failed", n.Status == "stable" && n.ConfigStatus == "failed":
		return Failed
	case n.Status == "":
		return Unknown
	case n.Status == "configuring":
		return Configuring
	case n.Status != "stable":
		return Moving
	case n.Power == "off":
		return Off
	case n.Power != "on":
		return Unknown
	case n.ConfigStatus == "pending":
		return Configuring
	}
	return Stable
}

// Trouble is an error and the nodes that have it.
type Trouble struct {
	Error string
	Names []string
}

// Troubles are the errors of nodes, that of most nodes first. A node's own name in its
// error does not tell it from that of others.
func Troubles(a *roster.Answer) (list []Trouble) {
	at := map[string]int{}
	for i := range a.Nodes {
		n := &a.Nodes[i]
		text := errorOf(n)
		if text == "" {
			continue
		}
		k, known := at[text]
		if !known {
			k = len(list)
			at[text], list = k, append(list, Trouble{Error: text})
		}
		list[k].Names = append(list[k].Names, n.Xname)
	}
	for i := range list {
		if t := &list[i]; len(t.Names) == 1 {
			t.Error = strings.ReplaceAll(t.Error, itsName, t.Names[0])
		}
	}
	slices.SortStableFunc(list, func(a, b Trouble) int { return cmp.Compare(len(b.Names), len(a.Names)) })
	return list
}

// errorOf is the node's error on a line, without its name.
func errorOf(n *roster.Node) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(n.Error), " "), n.Xname, itsName)
}

// Silence says of which services nothing is told, and what is not known without them.
func Silence(a *roster.Answer) []string {
	var lines []string
	for _, s := range a.Silent {
		lines = append(lines, string(s.Service)+" gives no answer, so that "+missing[s.Service]+": "+s.Error)
	}
	return lines
}
