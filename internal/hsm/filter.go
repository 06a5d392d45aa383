package hsm

import (
	"slices"
	"strconv"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/xname"
)

// Parameters are the words of a selection, by the lower-case names of the
// query parameters. Values of one parameter are alternatives; parameters must
// all hold; "!x" is anything but x.
type Parameters map[string][]string

// filter is a checked selection of components.
type filter struct {
	ids     map[string]bool // nil: any
	descend bool            // an ID stands for its descendants too
	tests   []func(*Component) bool
	query   store.Query // what the database can narrow down to
	groups  []string    // labels; "NULL" is none
	parts   []string    // partition names; "NULL" is none
}

// word is a field that holds a word.
type word struct {
	parameter, field string
	words            func(*Values) []string // nil: any word
	mayBeEmpty       bool
	of               func(*Component) string
}

var wordFields = []word{
	{"type", "Type", func(v *Values) []string { return v.Type }, true, func(c *Component) string { return c.Type }},
	{"state", "State", func(v *Values) []string { return v.State }, false, func(c *Component) string { return c.State }},
	{"flag", "Flag", func(v *Values) []string { return v.Flag }, false, func(c *Component) string { return c.Flag }},
	{"role", "Role", func(v *Values) []string { return v.Role }, true, func(c *Component) string { return c.Role }},
	{"subrole", "SubRole", func(v *Values) []string { return v.SubRole }, true, func(c *Component) string { return c.SubRole }},
	{"arch", "Arch", func(v *Values) []string { return v.Arch }, true, func(c *Component) string { return c.Arch }},
	{"class", "Class", func(v *Values) []string { return v.Class }, true, func(c *Component) string { return c.Class }},
	{"subtype", "Subtype", nil, true, func(c *Component) string { return c.Subtype }},
	{"softwarestatus", "SoftwareStatus", nil, true, func(c *Component) string { return c.SoftwareStatus }},
}

var boolFields = []struct {
	parameter string
	of        func(*Component) bool
}{
	{"enabled", (*Component).IsEnabled},
	{"locked", func(c *Component) bool { return c.Locked }},
	{"reservationdisabled", func(c *Component) bool { return c.ReservationDisabled }},
}

// newFilter checks the parameters. With descend an ID stands for its
// descendants too, provided that there is a type to look for.
func (s *Service) newFilter(p Parameters, descend bool) (*filter, error) {
	f := &filter{}
	var err error
	if f.groups, err = wantedLabels("group", p["group"], true); err != nil {
		return nil, err
	}
	if f.parts, err = wantedPartitions(p["partition"], true); err != nil {
		return nil, err
	}
	if err := f.identify(p["id"], descend && len(p["type"]) > 0); err != nil {
		return nil, err
	}
	for _, w := range wordFields {
		if err := f.word(w, &s.words, p[w.parameter]); err != nil {
			return nil, err
		}
	}
	for _, b := range boolFields {
		want, err := parseBools(b.parameter, p[b.parameter])
		if err != nil {
			return nil, err
		}
		if want != nil {
			f.tests = append(f.tests, func(c *Component) bool { return want[b.of(c)] })
		}
	}
	if err := f.nids(p["nid"], p["nid_start"], p["nid_end"]); err != nil {
		return nil, err
	}
	if len(f.groups) > 0 && len(f.parts) > 0 && len(f.groups)+len(f.parts) > 2 {
		return nil, badQuery("more than one group or partition together")
	}
	return f, nil
}

func badQuery(text string) error { return fault.New(fault.Invalid, "bad query param: %s", text) }

func (f *filter) identify(ids []string, descend bool) error {
	if len(ids) == 0 {
		return nil
	}
	f.ids, f.descend = make(map[string]bool, len(ids)), descend
	keys := make([]string, 0, len(ids))
	for _, id := range ids {
		n := xname.Normalize(id)
		if xname.TypeOf(n) == xname.Invalid {
			return badQuery("Argument was not a valid xname ID: '" + id + "'")
		}
		if n == "s0" || n == "all" {
			f.ids = nil
			return nil
		}
		f.ids[n] = true
		keys = append(keys, n)
	}
	if !descend {
		f.query.Keys = keys
	}
	return nil
}

func (f *filter) word(w word, known *Values, given []string) error {
	var in, notIn []string
	for _, g := range given {
		v, not := strings.CutPrefix(g, "!")
		if v == "" && !w.mayBeEmpty {
			return badQuery("Argument was not a valid HMS " + w.field + ": it is empty")
		}
		if v != "" && w.words != nil {
			var err error
			if v, err = spelled(w.field, w.words(known), v); err != nil {
				return fault.New(fault.Invalid, "bad query param: %w", err)
			}
		}
		if not {
			notIn = append(notIn, v)
		} else {
			in = append(in, v)
		}
	}
	if len(in) > 0 && w.parameter == "type" {
		f.query.Where = append(f.query.Where, store.Match{Column: "type", In: in})
	} else if len(in) > 0 {
		f.tests = append(f.tests, func(c *Component) bool { return slices.Contains(in, w.of(c)) })
	}
	if len(notIn) > 0 {
		f.tests = append(f.tests, func(c *Component) bool { return !slices.Contains(notIn, w.of(c)) })
	}
	return nil
}

// parseBools returns which of true and false are wanted, nil for no wish.
func parseBools(name string, given []string) (map[bool]bool, error) {
	if len(given) == 0 {
		return nil, nil
	}
	want := map[bool]bool{}
	for _, g := range given {
		text, not := strings.CutPrefix(g, "!")
		v, err := strconv.ParseBool(strings.ToLower(text))
		if err != nil {
			return nil, badQuery(name + " is '" + g + "', expected true or false")
		}
		want[v != not] = true
	}
	return want, nil
}

type nidRange struct{ from, to int }

func (f *filter) nids(exact, starts, ends []string) error {
	if len(exact) == 0 && len(starts) == 0 && len(ends) == 0 {
		return nil
	}
	if len(starts) != len(ends) {
		return badQuery("nid_start and nid_end must come in pairs")
	}
	var in, notIn []nidRange
	unset := false
	for _, g := range exact {
		text, not := strings.CutPrefix(g, "!")
		if text == "" && !not {
			unset = true
			continue
		}
		r, err := parseNIDRange(text)
		if err != nil {
			return err
		}
		if not {
			notIn = append(notIn, r)
		} else {
			in = append(in, r)
		}
	}
	for i := range starts {
		r, err := parseNIDRange(starts[i] + "-" + ends[i])
		if err != nil {
			return err
		}
		in = append(in, r)
	}
	f.tests = append(f.tests, func(c *Component) bool {
		if c.NID == nil {
			return unset || len(in) == 0
		}
		has := func(r nidRange) bool { return r.from <= *c.NID && *c.NID <= r.to }
		return (len(in) == 0 && !unset || slices.ContainsFunc(in, has)) && !slices.ContainsFunc(notIn, has)
	})
	return nil
}

// parseNIDRange reads "7" or "1-24".
func parseNIDRange(text string) (nidRange, error) {
	lo, hi, isRange := strings.Cut(text, "-")
	if !isRange {
		hi = lo
	}
	from, err1 := strconv.Atoi(lo)
	to, err2 := strconv.Atoi(hi)
	if err1 != nil || err2 != nil || from < 0 || to < from {
		return nidRange{}, badQuery("Argument was not a valid NID or range of NIDs: '" + text + "'")
	}
	return nidRange{from, to}, nil
}

// matches tells whether the component, which the database found by f.query,
// is selected as far as its own record tells.
func (f *filter) matches(c *Component) bool {
	if f.ids != nil && !f.named(c.ID) {
		return false
	}
	for _, test := range f.tests {
		if !test(c) {
			return false
		}
	}
	return true
}

func (f *filter) named(id string) bool {
	if !f.descend {
		return f.ids[id]
	}
	for ; id != ""; id = xname.Parent(id) {
		if f.ids[id] {
			return true
		}
	}
	return false
}

// view is a reduced form of components.
type view func(*Component) Component

// viewOf is the view that the reducers ask for, the first of them if there
// are several.
func viewOf(stateOnly, flagOnly, roleOnly, nidOnly bool) view {
	switch {
	case stateOnly:
		return func(c *Component) Component { return Component{ID: c.ID, Type: c.Type, State: c.State, Flag: c.Flag} }
	case flagOnly:
		return func(c *Component) Component { return Component{ID: c.ID, Type: c.Type, Flag: c.Flag} }
	case roleOnly:
		return func(c *Component) Component {
			return Component{ID: c.ID, Type: c.Type, Role: c.Role, SubRole: c.SubRole}
		}
	case nidOnly:
		return func(c *Component) Component { return Component{ID: c.ID, Type: c.Type, NID: c.NID} }
	}
	return nil
}
