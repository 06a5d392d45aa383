package web

import (
	"context"
	"fmt"
	"hash/fnv"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/progress"
	"github.com/drover-hpc/drover/internal/roster"
	"github.com/drover-hpc/drover/internal/roster/overview"
	"github.com/drover-hpc/drover/internal/xname"
)

// fleet asks where the nodes stand for all browsers that want to know at the same time.
type fleet struct {
	look   func(context.Context) (*roster.Answer, error)
	causes causes

	free  chan struct{} // holds one while nobody looks
	began time.Time     // when the last look began
	last  *snapshot
}

func newFleet(look func(context.Context) (*roster.Answer, error), gateway progress.Gateway) *fleet {
	f := &fleet{look: look, causes: causes{gateway: gateway}, free: make(chan struct{}, 1)}
	f.free <- struct{}{}
	return f
}

// snapshot is where the nodes stand, laid out as racks.
type snapshot struct {
	*roster.Answer
	layout *layout
	stands []overview.Stand // of the nodes in the order of the layout
}

// now is where the nodes stand after the call came: a look that began before does not
// count, for it may not have seen what the caller was told of.
func (f *fleet) now(ctx context.Context) (*snapshot, error) {
	came := time.Now()
	select {
	case <-f.free:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { f.free <- struct{}{} }()
	if f.last != nil && f.began.After(came) {
		return f.last, nil
	}
	began := time.Now()
	ctx = context.WithoutCancel(ctx) // others wait for it
	answer, err := f.look(ctx)
	if err != nil {
		return nil, err
	}
	f.causes.say(ctx, answer.Time, answer.Nodes)
	s := &snapshot{Answer: answer}
	names := overview.Names(answer)
	if f.last != nil && slices.Equal(names, f.last.layout.asked) {
		s.layout = f.last.layout
	} else {
		s.layout = newLayout(names)
	}
	s.stands = make([]overview.Stand, len(names))
	for i, at := range s.layout.order {
		s.stands[i] = overview.StandOf(&answer.Nodes[at])
	}
	f.began, f.last = began, s
	return s, nil
}

// codes are a letter for each stand, the class of a node's link.
var codes = map[overview.Stand]byte{overview.Failed: 'f', overview.Moving: 'm', overview.Configuring: 'c', overview.Stable: 's', overview.Off: 'o', overview.Unknown: 'u'}

// Codes are the stands of the nodes, a letter each.
func (s *snapshot) Codes() string {
	out := make([]byte, len(s.stands))
	for i, stand := range s.stands {
		out[i] = codes[stand]
	}
	return string(out)
}

// Names tells whether the nodes are those of another time.
func (s *snapshot) Names() string { return s.layout.hash }

// layout is where nodes are in racks. It depends on their names alone.
type layout struct {
	asked []string // the names, as they came
	order []int    // places in asked in the order of the racks
	hash  string
	racks []rack
}

// rack is a cabinet with the chassis in it, or all whose names tell of none.
type rack struct {
	name    string
	from    int // place of its first node in the order
	chassis []chassis
}

type chassis struct {
	name, short string
	slots       []slot
}

type slot struct{ nodes []string }

// elsewhere is where nodes are whose names tell of no cabinet.
const elsewhere = "elsewhere"

func newLayout(names []string) *layout {
	l := &layout{asked: names, order: make([]int, len(names))}
	for i := range l.order {
		l.order[i] = i
	}
	slices.SortStableFunc(l.order, func(a, b int) int { return xname.Compare(names[a], names[b]) })
	hash := fnv.New64a()
	var lastSlot string
	for place, i := range l.order {
		name := names[i]
		hash.Write([]byte(name + "\n"))
		cabinet, in, at := whereIs(name)
		if n := len(l.racks); n == 0 || l.racks[n-1].name != cabinet {
			l.racks, lastSlot = append(l.racks, rack{name: cabinet, from: place}), ""
		}
		r := &l.racks[len(l.racks)-1]
		if n := len(r.chassis); n == 0 || r.chassis[n-1].name != in {
			r.chassis, lastSlot = append(r.chassis, chassis{name: in, short: strings.TrimPrefix(in, cabinet)}), ""
		}
		c := &r.chassis[len(r.chassis)-1]
		if at == "" || at != lastSlot {
			c.slots, lastSlot = append(c.slots, slot{}), at
		}
		s := &c.slots[len(c.slots)-1]
		s.nodes = append(s.nodes, name)
	}
	l.hash = strconv.FormatUint(hash.Sum64(), 36)
	return l
}

// whereIs are the cabinet, chassis and slot of a node.
func whereIs(name string) (cabinet, in, at string) {
	if !xname.IsNode(name) {
		return elsewhere, elsewhere, ""
	}
	at = xname.Parent(xname.Parent(name))
	in = xname.Parent(at)
	return xname.Parent(in), in, at
}

// Racks are the nodes as links. It is written by hand: there are thousands.
func (s *snapshot) Racks() template.HTML {
	var b strings.Builder
	b.Grow(100 * len(s.stands))
	place := 0
	for i := range s.layout.racks {
		r := &s.layout.racks[i]
		name := template.HTMLEscapeString(r.name)
		fmt.Fprintf(&b, `<section class=rack aria-label="%s"><h3>%s <span class=wrong>%s</span></h3>`, name, rackLink(r.name), s.wrongIn(i))
		for k := range r.chassis {
			c := &r.chassis[k]
			fmt.Fprintf(&b, `<div class=chassis role=group aria-label="%s"><b>%s</b>`, template.HTMLEscapeString(c.name), template.HTMLEscapeString(c.short))
			for _, in := range c.slots {
				b.WriteString(`<span>`)
				for _, n := range in.nodes {
					s.link(&b, n, s.stands[place])
					place++
				}
				b.WriteString(`</span>`)
			}
			b.WriteString(`</div>`)
		}
		b.WriteString(`</section>`)
	}
	return template.HTML(b.String()) //nolint:gosec // names are escaped
}

// rackLink is the name of a rack, which leads to its nodes.
func rackLink(name string) string {
	shown := template.HTMLEscapeString(name)
	if name == elsewhere {
		return shown
	}
	return `<a href="/nodes?` + url.Values{"filter": {"rack=" + name}}.Encode() + `">` + shown + `</a>`
}

func (s *snapshot) link(b *strings.Builder, name string, stand overview.Stand) {
	shown := template.HTMLEscapeString(name)
	b.WriteString(`<a href="`)
	b.WriteString(template.HTMLEscapeString(nodeLink(name)))
	b.WriteString(`" class=`)
	b.WriteByte(codes[stand])
	b.WriteString(` aria-label="`)
	b.WriteString(shown)
	b.WriteByte(' ')
	b.WriteString(string(stand))
	b.WriteString(`"></a>`)
}

// wrongIn says how many nodes of the rack failed, nothing for none. The script does the
// same when nodes change.
func (s *snapshot) wrongIn(i int) string {
	to := len(s.stands)
	if i+1 < len(s.layout.racks) {
		to = s.layout.racks[i+1].from
	}
	n := 0
	for _, stand := range s.stands[s.layout.racks[i].from:to] {
		if stand == overview.Failed {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n) + " failed"
}
