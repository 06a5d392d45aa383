package hsm

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/xname"
)

// fruWishes are what is asked for of parts.
type fruWishes struct{ types, makers, numbers, serials []string }

func newFRUWishes(p Parameters) (w fruWishes, err error) {
	w.makers, w.numbers, w.serials = p["manufacturer"], p["partnumber"], p["serialnumber"]
	w.types, err = wantedTypes(p["type"])
	return w, err
}

// match tells whether the part is wanted; no part is unless nothing is asked of
// parts.
func (w *fruWishes) match(f *FRU) bool {
	if f == nil {
		return len(w.makers)+len(w.numbers)+len(w.serials) == 0
	}
	return oneOf(w.makers, f.Info.text("Manufacturer")) && oneOf(w.numbers, f.Info.text("PartNumber")) &&
		oneOf(w.serials, f.Info.text("SerialNumber"))
}

// Hardware returns the places that the parameters select: id, type, and of the
// part in it fruid, manufacturer, partnumber, serialnumber.
func (s *Service) Hardware(ctx context.Context, p Parameters) ([]Hardware, error) {
	wished, err := newFRUWishes(p)
	if err != nil {
		return nil, err
	}
	q := store.Query{}
	if q.Keys, err = wantedXnames("id", p["id"]); err != nil {
		return nil, err
	}
	if len(wished.types) > 0 {
		q.Where = append(q.Where, store.Match{Column: "type", In: wished.types})
	}
	if len(p["fruid"]) > 0 {
		q.Where = append(q.Where, store.Match{Column: "fruid", In: p["fruid"]})
	}
	rows, err := s.hardware.List(ctx, q)
	out := []Hardware{}
	for i := range rows {
		if h := rows[i].Hardware; wished.match(h.FRU) {
			out = append(out, h)
		}
	}
	return out, err
}

// HardwareAt returns one place.
func (s *Service) HardwareAt(ctx context.Context, id string) (Hardware, error) {
	if _, err := xnames([]string{id}); err != nil {
		return Hardware{}, err
	}
	p, err := s.hardware.Get(ctx, xname.Normalize(id))
	if fault.Is(err, fault.NotFound) {
		err = fault.New(fault.NotFound, "no such xname: the inventory has no '%s'", id)
	}
	return p.Hardware, err
}

// FRUs returns the parts that the parameters select, in places and in none:
// fruid, type, manufacturer, partnumber, serialnumber.
func (s *Service) FRUs(ctx context.Context, p Parameters) ([]FRU, error) {
	placed := maps.Clone(p)
	delete(placed, "id")
	places, err := s.Hardware(ctx, placed)
	if err != nil {
		return nil, err
	}
	wished, err := newFRUWishes(p)
	if err != nil {
		return nil, err
	}
	loose, err := s.loose.List(ctx, store.Query{Keys: p["fruid"]})
	if err != nil {
		return nil, err
	}
	byID := map[string]FRU{}
	for i := range loose {
		if wished.match(&loose[i]) && oneOf(wished.types, loose[i].Type) {
			byID[loose[i].ID] = loose[i]
		}
	}
	for i := range places {
		if f := places[i].FRU; f != nil {
			byID[f.ID] = *f
		}
	}
	out := make([]FRU, 0, len(byID))
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		out = append(out, byID[id])
	}
	return out, nil
}

// FRU returns one part.
func (s *Service) FRU(ctx context.Context, id string) (FRU, error) {
	all, err := s.FRUs(ctx, Parameters{"fruid": {id}})
	if err == nil && len(all) == 0 {
		err = fault.New(fault.NotFound, "no such FRU ID: '%s'", id)
	}
	if err != nil {
		return FRU{}, err
	}
	return all[0], nil
}

// HardwareTree is an inventory: lists of places, one for each type.
type HardwareTree struct {
	XName  string
	Format string
	lists  map[string][]Hardware
}

// MarshalJSON names the lists as the interface does.
func (t HardwareTree) MarshalJSON() ([]byte, error) {
	out, err := json.Marshal(struct{ XName, Format string }{t.XName, t.Format})
	for _, name := range slices.Sorted(maps.Keys(t.lists)) {
		out = field(out, &err, name, t.lists[name])
	}
	return out, err
}

// Schema implements huma.SchemaProvider.
func (HardwareTree) Schema(r huma.Registry) *huma.Schema {
	out := &huma.Schema{Type: "object", Properties: map[string]*huma.Schema{
		"XName":  {Type: "string", Description: "xname that was asked for"},
		"Format": {Type: "string", Enum: []any{formatFlat, formatNested}, Description: "FullyFlat, or NestNodesOnly: parts of nodes are in their nodes"}}}
	for i := range hardwareKinds {
		out.Properties[hardwareKinds[i].list] = &huma.Schema{Type: "array", Items: Hardware{}.Schema(r)}
	}
	return out
}

var _ huma.SchemaProvider = HardwareTree{}

const (
	formatFlat   = "FullyFlat"
	formatNested = "NestNodesOnly"
)

// treeWishes are what is asked for of an inventory.
type treeWishes struct {
	root              string // xname; a partition stands for its members
	types             []string
	children, parents bool
	partition         []string
	format            string
}

func newTreeWishes(root string, p Parameters) (w treeWishes, err error) {
	w = treeWishes{root: xname.Normalize(root), children: true, format: formatNested}
	typ := xname.TypeOf(w.root)
	if typ == xname.Invalid {
		return w, invalidXname(root)
	}
	if w.root == "all" {
		w.root = "s0"
	}
	if typ == xname.Partition {
		w.partition, w.root = []string{w.root}, "s0"
	}
	if len(p["partition"]) > 0 {
		if w.partition, err = wantedPartitions(p["partition"], false); err != nil {
			return w, err
		}
	}
	if w.types, err = wantedTypes(p["type"]); err != nil {
		return w, err
	}
	for name, flag := range map[string]*bool{"children": &w.children, "parents": &w.parents} {
		given, err := parseBools(name, p[name])
		if err != nil {
			return w, err
		}
		if given != nil {
			*flag = given[true]
		}
	}
	for _, f := range p["format"] {
		switch {
		case strings.EqualFold(f, formatFlat):
			w.format = formatFlat
		case !strings.EqualFold(f, formatNested):
			return w, badQuery("format is '" + f + "', expected " + formatFlat + " or " + formatNested)
		}
	}
	return w, nil
}

// selects tells whether the place is wanted, whatever its partition.
func (w *treeWishes) selects(id string) bool {
	return id == w.root || w.children && xname.Within(id, w.root) || w.parents && xname.Within(w.root, id)
}

// HardwareTree returns what is at, below and above the xname: parameters type,
// children, parents, partition, format.
func (s *Service) HardwareTree(ctx context.Context, root string, p Parameters) (HardwareTree, error) {
	w, err := newTreeWishes(root, p)
	if err != nil {
		return HardwareTree{}, err
	}
	q := store.Query{}
	if w.root != "s0" && !w.parents {
		q.Prefix = w.root
	}
	rows, err := s.hardware.List(ctx, q)
	if err != nil {
		return HardwareTree{}, err
	}
	belongs, err := s.insiders(ctx, inPartition, w.partition)
	if err != nil {
		return HardwareTree{}, err
	}
	inPart := func(id string) bool { // a child is where its parent is
		for ; id != ""; id = xname.Parent(id) {
			if belongs(id) {
				return true
			}
		}
		return false
	}
	var found []Hardware
	for i := range rows {
		if h := rows[i].Hardware; w.selects(h.ID) && oneOf(w.types, h.Type) && inPart(h.ID) {
			found = append(found, h)
		}
	}
	if w.format == formatNested {
		found = nested(found)
	}
	t := HardwareTree{XName: root, Format: w.format, lists: map[string][]Hardware{}}
	for i := range found {
		list := kindOf(found[i].Type).list
		t.lists[list] = append(t.lists[list], found[i])
	}
	return t, nil
}

// HardwareHistory is what happened at one place or to one part.
type HardwareHistory struct {
	ID      string          `json:"ID" doc:"xname of the place, or ID of the part"`
	History []HardwareEvent `json:"History" nullable:"false" doc:"What happened, oldest first"`
}

// eventWishes are what is asked for of history.
type eventWishes struct {
	types      []string
	start, end time.Time
}

func newEventWishes(p Parameters) (w eventWishes, err error) {
	words := []string{partAdded, partRemoved, partScanned, partDetected}
	for _, g := range p["eventtype"] {
		i := slices.IndexFunc(words, func(t string) bool { return strings.EqualFold(t, g) })
		if i < 0 {
			return w, badQuery("eventtype is '" + g + "', expected one of " + strings.Join(words, ", "))
		}
		w.types = append(w.types, words[i])
	}
	for name, at := range map[string]*time.Time{"starttime": &w.start, "endtime": &w.end} {
		for _, g := range p[name] {
			if *at, err = time.Parse(time.RFC3339, g); err != nil {
				return w, badQuery(name + " is '" + g + "', expected a time such as 2026-01-31T12:00:00Z")
			}
		}
	}
	return w, nil
}

func (w *eventWishes) match(e *HardwareEvent) bool {
	return oneOf(w.types, e.EventType) && (w.start.IsZero() || e.Timestamp.After(w.start)) && (w.end.IsZero() || e.Timestamp.Before(w.end))
}

// PlaceHistory returns the histories of the places, nil for all: parameters
// eventtype, starttime, endtime.
func (s *Service) PlaceHistory(ctx context.Context, ids []string, p Parameters) ([]HardwareHistory, error) {
	now, err := s.hardware.List(ctx, store.Query{Keys: ids})
	if err != nil {
		return nil, err
	}
	var past []HardwareEvent
	if ids == nil {
		past, err = s.history.List(ctx, store.Query{})
	}
	for _, id := range ids {
		of, err := s.history.List(ctx, store.Query{Prefix: id + "/"})
		if err != nil {
			return nil, err
		}
		past = append(past, of...)
	}
	if err != nil {
		return nil, err
	}
	return histories(now, past, p, func(e *HardwareEvent) string { return e.ID })
}

// PartHistory returns the histories of the parts, nil for all: parameters as of
// PlaceHistory.
func (s *Service) PartHistory(ctx context.Context, fruIDs []string, p Parameters) ([]HardwareHistory, error) {
	var q store.Query
	if fruIDs != nil {
		q.Where = []store.Match{{Column: "fruid", In: fruIDs}}
	}
	now, err := s.hardware.List(ctx, q)
	if err != nil {
		return nil, err
	}
	past, err := s.history.List(ctx, q)
	if err != nil {
		return nil, err
	}
	return histories(now, past, p, func(e *HardwareEvent) string { return e.FRUID })
}

// histories are what is wanted of the events, by what of says they are about.
func histories(now []place, past []HardwareEvent, p Parameters, of func(*HardwareEvent) string) ([]HardwareHistory, error) {
	wished, err := newEventWishes(p)
	if err != nil {
		return nil, err
	}
	for i := range now {
		past = append(past, now[i].events()...)
	}
	slices.SortStableFunc(past, func(a, b HardwareEvent) int { return a.Timestamp.Compare(b.Timestamp) })
	byID := map[string][]HardwareEvent{}
	for i := range past {
		if wished.match(&past[i]) {
			byID[of(&past[i])] = append(byID[of(&past[i])], past[i])
		}
	}
	out := make([]HardwareHistory, 0, len(byID))
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		out = append(out, HardwareHistory{id, byID[id]})
	}
	return out, nil
}

// ForgetHistory forgets the events that are about the places or about the
// parts, whichever is given; nil, nil forgets all. It returns how many there were.
func (s *Service) ForgetHistory(ctx context.Context, ids, fruIDs []string) (n int, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		about := func() ([]HardwareHistory, error) {
			if fruIDs != nil {
				return s.PartHistory(ctx, fruIDs, nil)
			}
			return s.PlaceHistory(ctx, ids, nil)
		}
		all, err := about()
		if err != nil {
			return err
		}
		var keys, places []string
		for i := range all {
			for j := range all[i].History {
				e := &all[i].History[j]
				keys, places = append(keys, e.key()), append(places, e.ID)
				n++
			}
		}
		if _, err := s.history.Delete(ctx, keys...); err != nil {
			return err
		}
		slices.Sort(places)
		_, _, err = s.hardware.Update(ctx, slices.Compact(places), func(p *place) error {
			if len(fruIDs) > 0 && !slices.Contains(fruIDs, p.fruID()) {
				return store.ErrUnchanged
			}
			p.Arrival, p.Arrived, p.Scanned = "", time.Time{}, time.Time{}
			return nil
		})
		return err
	})
	return n, err
}
