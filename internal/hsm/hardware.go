package hsm

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/xname"
)

// Hardware is a place that hardware can be in, with the part that is in it.
type Hardware struct {
	ID      string // xname
	Type    string
	Ordinal int
	// Status is Populated or Empty.
	Status string
	// Info are the Redfish properties that belong to the place.
	Info properties
	// FRU is the part, a field replaceable unit; nil if the place is empty.
	FRU *FRU

	// kind is the HWInventoryByLocationType that was sent.
	kind string

	// parts are the places inside, by the name of their list, where an answer
	// nests them.
	parts map[string][]Hardware
}

// FRU is a part that can be pulled out and put in elsewhere.
type FRU struct {
	ID      string // made of type, manufacturer, part number and serial number
	Type    string
	Subtype string // finer type, if who sent it told one
	// Info are the Redfish properties that belong to the part.
	Info properties

	// kind is the HWInventoryByFRUType that was sent.
	kind string
}

// properties are some of a Redfish resource, as the BMC spells them.
type properties map[string]json.RawMessage

// text is the property that is a string; empty if there is none.
func (p properties) text(name string) (out string) {
	json.Unmarshal(p[name], &out) //nolint:errcheck // no string is none
	return out
}

// Ways in which parts come and go. Detected is a part at a place that was not
// known before, Added one at a place that was known without it. Scanned is a
// part that is still there.
const (
	partDetected = "Detected"
	partAdded    = "Added"
	partRemoved  = "Removed"
	partScanned  = "Scanned"
)

// HardwareEvent is a line in the history of a place and of a part.
type HardwareEvent struct {
	ID        string    `json:"ID" doc:"xname of the place"`
	FRUID     string    `json:"FRUID" doc:"ID of the part"`
	Timestamp time.Time `json:"Timestamp" doc:"When HSM learned of it"`
	EventType string    `json:"EventType" enum:"Added,Removed,Scanned,Detected" doc:"What happened to the part"`
}

// place is the record of a Hardware. The events of the part that is there stand
// in it and become records of their own when it leaves: to find a fleet's
// hardware for the first time is one record a part.
type place struct {
	Hardware Hardware `json:"hardware"`
	// Endpoint is the controller that shows the place, Path the resource; none if
	// the place was posted.
	Endpoint string `json:"endpoint,omitempty"`
	Path     string `json:"path,omitempty"`
	// Arrival is how the part came, empty if that is forgotten.
	Arrival string    `json:"arrival,omitempty"`
	Arrived time.Time `json:"arrived,omitzero"`
	// Scanned is when it was last seen to be still there, as far as told.
	Scanned time.Time `json:"scanned,omitzero"`
}

// scanEvery is how often discovery tells that a part is still there.
const scanEvery = 24 * time.Hour

func (p *place) fruID() string {
	if p.Hardware.FRU == nil {
		return ""
	}
	return p.Hardware.FRU.ID
}

// events are those of the part that is there.
func (p *place) events() (out []HardwareEvent) {
	id := p.fruID()
	if id != "" && p.Arrival != "" {
		out = append(out, HardwareEvent{p.Hardware.ID, id, p.Arrived, p.Arrival})
	}
	if id != "" && !p.Scanned.IsZero() {
		out = append(out, HardwareEvent{p.Hardware.ID, id, p.Scanned, partScanned})
	}
	return out
}

// leave empties the place and returns what becomes history.
func (p *place) leave(now time.Time) []HardwareEvent {
	past := p.events()
	if id := p.fruID(); id != "" {
		past = append(past, HardwareEvent{p.Hardware.ID, id, now, partRemoved})
	}
	p.Hardware.FRU, p.Hardware.Status = nil, stateEmpty
	p.Arrival, p.Arrived, p.Scanned = "", time.Time{}, time.Time{}
	return past
}

// arrive notes how the part that is there now came.
func (p *place) arrive(how string, now time.Time) {
	if p.Hardware.FRU != nil {
		p.Arrival, p.Arrived, p.Scanned = how, now, time.Time{}
	}
}

// meet takes over what was found at a known place, and returns what becomes
// history and whether anything changed. always tells that the part is still
// there even if that was told a moment ago.
func (p *place) meet(found *place, now time.Time, always bool) (past []HardwareEvent, changed bool) {
	same := p.fruID() == found.fruID()
	if same && p.fruID() != "" && (always || now.Sub(later(p.Arrived, p.Scanned)) >= scanEvery) {
		p.Scanned, changed = now, true
	}
	if !same {
		past, changed = p.leave(now), true
	}
	if found.Endpoint == "" { // posted, not walked
		found.Endpoint, found.Path = p.Endpoint, p.Path
	}
	if p.Endpoint != found.Endpoint || p.Path != found.Path || !p.Hardware.equal(&found.Hardware) {
		p.Endpoint, p.Path, p.Hardware, changed = found.Endpoint, found.Path, found.Hardware, true
	}
	if !same {
		p.arrive(partAdded, now)
	}
	return past, changed
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (h *Hardware) equal(other *Hardware) bool {
	return h.Status == other.Status && h.Info.equal(other.Info) && (h.FRU == nil) == (other.FRU == nil) &&
		(h.FRU == nil || h.FRU.ID == other.FRU.ID && h.FRU.Subtype == other.FRU.Subtype && h.FRU.Info.equal(other.FRU.Info))
}

func (p properties) equal(other properties) bool {
	if len(p) != len(other) {
		return false
	}
	for name, value := range p {
		if !bytes.Equal(value, other[name]) {
			return false
		}
	}
	return true
}

// fruID is the ID of a part of the type that is at the place: what is printed on
// it, if that tells it from others, else the place.
func fruID(typ, at string, info properties) string {
	serial := plain(info.text("SerialNumber"))
	maker := plain(info.text("Manufacturer"))
	number := plain(info.text("PartNumber"))
	switch strings.ToLower(serial) {
	case "", "na", "none", "null", "unknown", "notspecified", "tobefilledbyo.e.m.", "0":
		return "FRUIDfor" + at
	}
	if maker == "" && number == "" {
		return "FRUIDfor" + at
	}
	parts := []string{typ}
	for _, part := range []string{maker, number, serial} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ".")
}

// plain leaves out what does not belong into an ID.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r == '-' || r == '_' || r == '.' {
			return r
		}
		return -1
	}, text)
}

// settle checks a Hardware that was sent, and derives what follows from its
// name.
func (h *Hardware) settle() error {
	if h.ID == "" {
		return fault.New(fault.Invalid, "Missing ID")
	}
	given := h.ID
	h.ID = xname.Normalize(given)
	typ := xname.TypeOf(h.ID)
	if typ == xname.Invalid {
		return invalidXname(given)
	}
	if kindOf(string(typ)) == nil {
		return fault.New(fault.Invalid, "'%s' is a %s, which is no type of hardware inventory", h.ID, typ)
	}
	if err := h.agrees(typ); err != nil {
		return err
	}
	h.Type, h.Ordinal, h.Status = string(typ), ordinal(h.ID), stateEmpty
	if h.FRU == nil {
		return nil
	}
	h.Status = statePopulated
	h.FRU.Type = h.Type
	if h.FRU.ID == "" {
		h.FRU.ID = fruID(h.Type, h.ID, h.FRU.Info)
	}
	if h.FRU.ID != plain(h.FRU.ID) {
		return fault.New(fault.Invalid, "%s: FRUID '%s' is not valid, expected letters, digits and - _ .", h.ID, h.FRU.ID)
	}
	return nil
}

// agrees tells where a Hardware that was sent contradicts its name, whose type
// is typ. What is not said contradicts nothing.
func (h *Hardware) agrees(typ xname.Type) error {
	part := FRU{}
	if h.FRU != nil {
		part = *h.FRU
	}
	name := kindOf(string(typ)).name
	for _, s := range []struct{ field, word, expected string }{
		{"Type", h.Type, string(typ)},
		{"HWInventoryByLocationType", h.kind, "HWInvByLoc" + name},
		{"PopulatedFRU.Type", part.Type, string(typ)},
		{"PopulatedFRU.HWInventoryByFRUType", part.kind, "HWInvByFRU" + name},
	} {
		if s.word != "" && !strings.EqualFold(s.word, s.expected) {
			return fault.New(fault.Invalid, "'%s' is a %s, and its %s is '%s', expected '%s'", h.ID, typ, s.field, s.word, s.expected)
		}
	}
	return nil
}

// ordinal is the number at the end of the xname.
func ordinal(id string) (n int) {
	for _, c := range id[len(strings.TrimRight(id, "0123456789")):] {
		n = n*10 + int(c-'0')
	}
	return n
}

// MarshalJSON names location and part by their type, as the interface does.
func (h Hardware) MarshalJSON() ([]byte, error) {
	k := kindOf(h.Type)
	out, err := json.Marshal(struct {
		ID      string
		Type    string
		Ordinal int
		Status  string
		Kind    string `json:"HWInventoryByLocationType"`
	}{h.ID, h.Type, h.Ordinal, h.Status, "HWInvByLoc" + k.name})
	out = field(out, &err, k.name+"LocationInfo", h.Info)
	for name, parts := range h.parts {
		out = field(out, &err, name, parts)
	}
	if h.FRU != nil {
		out = field(out, &err, "PopulatedFRU", h.FRU)
	}
	return out, err
}

// MarshalJSON names the part's properties by its type.
func (f FRU) MarshalJSON() ([]byte, error) {
	k := kindOf(f.Type)
	out, err := json.Marshal(struct {
		FRUID   string
		Type    string
		Subtype string `json:"FRUSubtype,omitempty"`
		Kind    string `json:"HWInventoryByFRUType"`
	}{f.ID, f.Type, f.Subtype, "HWInvByFRU" + k.name})
	return field(out, &err, k.partInfo(), f.Info), err
}

// field adds one to the JSON of an object that has some.
func field[V any](object []byte, err *error, name string, value V) []byte {
	if *err != nil {
		return nil
	}
	text, bad := json.Marshal(value)
	if *err = bad; bad != nil || string(text) == "null" {
		return object
	}
	object = append(object[:len(object)-1], `,"`+name+`":`...)
	return append(append(object, text...), '}')
}

// UnmarshalJSON takes any location information, whatever its type's name.
func (h *Hardware) UnmarshalJSON(text []byte) error {
	var base struct {
		ID, Type, Status string
		Ordinal          int
		Kind             string `json:"HWInventoryByLocationType"`
		PopulatedFRU     *FRU
	}
	if err := json.Unmarshal(text, &base); err != nil {
		return err
	}
	*h = Hardware{ID: base.ID, Type: base.Type, Ordinal: base.Ordinal, Status: base.Status, FRU: base.PopulatedFRU, kind: base.Kind}
	return infoOf(text, "LocationInfo", &h.Info)
}

// UnmarshalJSON takes any part information, whatever its type's name.
func (f *FRU) UnmarshalJSON(text []byte) error {
	var base struct {
		FRUID, Type, FRUSubtype string
		Kind                    string `json:"HWInventoryByFRUType"`
	}
	if err := json.Unmarshal(text, &base); err != nil {
		return err
	}
	*f = FRU{ID: base.FRUID, Type: base.Type, Subtype: base.FRUSubtype, kind: base.Kind}
	return infoOf(text, "FRUInfo", &f.Info)
}

// infoOf reads the field whose name ends so.
func infoOf(text []byte, suffix string, out *properties) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return err
	}
	for name, value := range fields {
		if strings.HasSuffix(name, suffix) {
			return json.Unmarshal(value, out)
		}
	}
	return nil
}

// Schema implements huma.SchemaProvider.
func (Hardware) Schema(r huma.Registry) *huma.Schema {
	words := func(doc string, of ...any) *huma.Schema {
		return &huma.Schema{Type: "string", Description: doc, Enum: of}
	}
	return &huma.Schema{Type: "object", AdditionalProperties: true, Required: []string{"ID", "HWInventoryByLocationType"},
		Properties: map[string]*huma.Schema{
			"ID": words("xname of the place"), "Type": words("Type of the place, which follows from its xname"),
			"Ordinal":                   {Type: "integer", Description: "Its number among those of its parent"},
			"Status":                    words("Whether there is anything in it", statePopulated, stateEmpty),
			"HWInventoryByLocationType": words("Which of the LocationInfos is there", kindNames("HWInvByLoc")...),
			"PopulatedFRU":              FRU{}.Schema(r)}}
}

// Schema implements huma.SchemaProvider.
func (FRU) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: "object", AdditionalProperties: true, Required: []string{"HWInventoryByFRUType"},
		Properties: map[string]*huma.Schema{
			"FRUID":                {Type: "string", Description: "ID of the part"},
			"Type":                 {Type: "string", Description: "Type of the part"},
			"FRUSubtype":           {Type: "string", Description: "Finer type, if any"},
			"HWInventoryByFRUType": {Type: "string", Description: "Which of the FRUInfos is there", Enum: kindNames("HWInvByFRU")}}}
}

var (
	_ huma.SchemaProvider = Hardware{}
	_ huma.SchemaProvider = FRU{}
)
