package redfish

import (
	"encoding/json"
)

// parts are the resources of a collection.
func (w *walker) parts(collection link) []Part {
	var out []Part
	for _, m := range w.list(collection) {
		if p, ok := w.part(m); ok {
			out = append(out, p)
		}
	}
	return out
}

func (w *walker) part(m member) (Part, bool) {
	var body json.RawMessage
	ok := w.readMember(m, &body, desired)
	return Part{OdataID: m.path, Body: body}, ok
}

// storage is what drives are attached to, with its drives in its own order.
func (w *walker) storage(collection link) []Storage {
	var out []Storage
	for _, m := range w.list(collection) {
		var r struct{ Drives []link }
		if !w.readMember(m, &r, desired) {
			continue
		}
		s := Storage{OdataID: m.path}
		for _, drive := range r.Drives {
			if p, ok := w.part(member{path: drive.OdataID}); ok {
				s.Drives = append(s.Drives, p)
			}
		}
		out = append(out, s)
	}
	return out
}

// architecture is that of the first processor which tells one; accelerators
// may be listed among the processors.
func architecture(processors []Part) string {
	for i := range processors {
		var p struct{ ProcessorType, ProcessorArchitecture, InstructionSet string }
		if json.Unmarshal(processors[i].Body, &p) != nil || p.ProcessorType != "" && p.ProcessorType != "CPU" {
			continue
		}
		if p.ProcessorArchitecture != "" {
			return p.ProcessorArchitecture
		}
		if p.InstructionSet != "" {
			return p.InstructionSet
		}
	}
	return ""
}

// serviceLinks are the links to services in the service root.
type serviceLinks struct {
	AccountService, SessionService, EventService, Tasks, UpdateService link
}

// services are those of the BMC itself. One that it names and does not have is
// none.
func (w *walker) services(links serviceLinks) []Service {
	var out []Service
	for _, s := range []struct {
		name string
		link
	}{{"AccountService", links.AccountService}, {"SessionService", links.SessionService}, {"EventService", links.EventService},
		{"TaskService", links.Tasks}, {"UpdateService", links.UpdateService}} {
		var r struct{ Name, UUID string }
		if w.read(s.OdataID, &r, desiredList) {
			out = append(out, Service{Type: s.name, OdataID: s.OdataID, Name: r.Name, UUID: r.UUID})
		}
	}
	return out
}
