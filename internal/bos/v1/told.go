package v1

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/journal"
)

// The journal has a line of each thing that a session did with a node. The
// words are read again by package explain:
//
//	session ID of BOS v1 takes the node: OPERATION of boot set NAME
//	phase NAME: CATEGORY[: WHY]
//	left out of the session: WHY
//	session ended | session deleted | ...
const (
	lineKind = "v1"
	ended    = "session ended"
)

// line is an entry on the node; those of nodes that did not get there are
// marked.
func (s *Service) line(session, node, text string, failed bool) journal.Entry {
	return journal.Entry{Node: node, Time: s.cfg.Now(), Source: "bos", Kind: lineKind, Session: session, Text: text, Failed: failed}
}

// changed has a line for each node that the change of the boot set's status
// put into another category, or of which it says something new.
func (s *Service) changed(before, after *BootSetStatus) (lines []journal.Entry) {
	for i := range after.Phases {
		p := &after.Phases[i]
		was := before.phase(p.Name)
		if was == nil {
			was = &Phase{}
		}
		for _, node := range p.nodes() {
			category, why := p.category(node), p.why(node, was)
			if category == was.category(node) && why == "" {
				continue
			}
			text := "phase " + p.Name + ": " + cmp.Or(strings.ReplaceAll(category, "_", " "), "in no category")
			if why != "" {
				text += ": " + why
			}
			lines = append(lines, s.line(after.Session, node, text, category == Failed))
		}
	}
	return lines
}

// nodes are all that the phase names.
func (p *Phase) nodes() []string {
	all := map[string]bool{}
	for _, of := range []map[string][]string{p.Categories, p.Errors} {
		for _, list := range of {
			for _, n := range list {
				all[n] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// category is the one that the node is in, empty if in none.
func (p *Phase) category(node string) string {
	for _, name := range categories {
		if _, is := slices.BinarySearch(p.Categories[name], node); is {
			return name
		}
	}
	return ""
}

// why is what the phase says of the node and was did not.
func (p *Phase) why(node string, was *Phase) string {
	var words []string
	for _, message := range slices.Sorted(maps.Keys(p.Errors)) {
		if slices.Contains(p.Errors[message], node) && !slices.Contains(was.Errors[message], node) {
			words = append(words, message)
		}
	}
	return strings.Join(words, "; ")
}

// leftOut are the nodes that are excluded from all phases, with the reason.
func (b *BootSetStatus) leftOut() map[string]string {
	out := map[string]string{}
	for _, node := range b.Nodes() {
		everywhere := !slices.ContainsFunc(b.Phases, func(p Phase) bool { return p.category(node) != Excluded })
		if everywhere {
			out[node] = cmp.Or(b.Phases[0].why(node, &Phase{}), "no reason is told")
		}
	}
	return out
}

// begun has the lines of a boot set that begins: who is left out, whom the
// session takes, and where those are that are not in not_started.
func (s *Service) begun(session *Session, b *BootSetStatus, has []string) []journal.Entry {
	var lines []journal.Entry
	out := b.leftOut()
	for _, node := range slices.Sorted(maps.Keys(out)) {
		lines = append(lines, s.line(b.Session, node, "left out of the session: "+out[node], false))
	}
	for _, node := range has {
		lines = append(lines, s.line(b.Session, node, "session "+b.Session+" of BOS v1 takes the node: "+string(session.Does())+" of boot set "+b.Name, false))
	}
	for _, l := range s.changed(&BootSetStatus{}, b) {
		if _, is := out[l.Node]; !is && !strings.HasSuffix(l.Text, ": not started") {
			lines = append(lines, l)
		}
	}
	return lines
}

// tell writes lines in the transaction of ctx.
func (s *Service) tell(ctx context.Context, lines []journal.Entry) error {
	if len(lines) == 0 {
		return nil
	}
	return s.cfg.Journal.Append(ctx, lines...)
}
