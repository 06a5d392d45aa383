package v1

import (
	"encoding/json"
	"errors"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/bos/bootset"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/xname"
)

// bareError is an error in this version's form: a JSON value alone, mostly the
// words.
type bareError struct {
	status int
	body   any
}

func (e *bareError) Error() string                { return httpapi.NewProblem(e.status, "", "").Title }
func (e *bareError) GetStatus() int               { return e.status }
func (e *bareError) ContentType(string) string    { return "application/json" }
func (e *bareError) MarshalJSON() ([]byte, error) { return json.Marshal(e.body) }

var _ huma.StatusError = (*bareError)(nil)

// bare is the form of errors: the words alone, unless the error says itself how
// it is to be answered.
func bare(err error) error {
	var own *bareError
	if errors.As(err, &own) {
		return own
	}
	p := httpapi.AsProblem(err)
	var f *fault.Error
	if errors.As(err, &f) && f.Summary != "" {
		return p
	}
	return &bareError{p.Status, p.Detail}
}

// emptyIfMissing answers what is not there with an empty object.
func emptyIfMissing(err error) error {
	if fault.Is(err, fault.NotFound) {
		return &bareError{404, struct{}{}}
	}
	return err
}

// Link points at another resource by a path.
type Link struct {
	Href string `json:"href" required:"false"`
	Rel  string `json:"rel" required:"false"`
}

// SessionLink points at a session, or its status.
type SessionLink struct {
	Href  string `json:"href,omitempty"`
	JobID string `json:"jobId,omitempty"`
	Rel   string `json:"rel,omitempty" enum:"session,status"`
	Type  string `json:"type,omitempty" enum:"GET"`
}

// CreatedSession is the answer to a new session.
type CreatedSession struct {
	Operation    string        `json:"operation"`
	TemplateName string        `json:"templateName"`
	Job          string        `json:"job" doc:"Name of the session's agent; the session's ID follows 'boa-'"`
	Limit        string        `json:"limit,omitempty"`
	Links        []SessionLink `json:"links"`
}

func sessionPath(id string) string { return "/v1/session/" + id }

func createdSession(s *Session) CreatedSession {
	path := sessionPath(s.ID)
	return CreatedSession{Operation: s.Operation, TemplateName: s.Template.Name, Job: s.Job(), Limit: s.Limit,
		Links: []SessionLink{{Href: path, JobID: s.Job(), Rel: "session", Type: "GET"}, {Href: path + "/status", JobID: s.Job(), Rel: "status", Type: "GET"}}}
}

// SessionDetails is a session as it is described.
type SessionDetails struct {
	Complete     bool   `json:"complete"`
	ErrorCount   int    `json:"error_count"`
	InProgress   bool   `json:"in_progress"`
	Job          string `json:"job"`
	Operation    string `json:"operation"`
	StartTime    string `json:"start_time"`
	StatusLink   string `json:"status_link"`
	StopTime     string `json:"stop_time"`
	TemplateName string `json:"templateName"`
}

func sessionDetails(s *Session, sets []BootSetStatus) SessionDetails {
	p := s.Progress(sets)
	return SessionDetails{Complete: p.Complete, ErrorCount: p.Errors, InProgress: p.InProgress, Job: s.Job(), Operation: s.Operation,
		StartTime: s.Start, StatusLink: sessionPath(s.ID) + "/status", StopTime: s.Stop, TemplateName: s.Template.Name}
}

// Metadata sums up a part of the status tree.
type Metadata struct {
	Complete   bool    `json:"complete" required:"false"`
	ErrorCount int     `json:"error_count" required:"false" doc:"Nodes that failed"`
	InProgress bool    `json:"in_progress" required:"false"`
	StartTime  string  `json:"start_time,omitempty" format:"time"`
	StopTime   *string `json:"stop_time,omitempty" nullable:"true" format:"time"`
}

func metadata(p Progress, t Times) Metadata {
	m := Metadata{Complete: p.Complete, ErrorCount: p.Errors, InProgress: p.InProgress, StartTime: t.Start}
	if t.Stop != "" {
		m.StopTime = &t.Stop
	}
	return m
}

func (m *Metadata) times() Times {
	t := Times{Start: m.StartTime}
	if m.StopTime != nil {
		t.Stop = *m.StopTime
	}
	return t
}

// SessionStatus is the top of the status tree.
type SessionStatus struct {
	Metadata Metadata `json:"metadata" required:"false"`
	BootSets []string `json:"boot_sets,omitempty" nullable:"false" minItems:"1" format:"name"`
	ID       string   `json:"id,omitempty" format:"word"`
	Links    []Link   `json:"links,omitempty" nullable:"false"`
}

func sessionStatus(s *Session, sets []BootSetStatus) SessionStatus {
	path := sessionPath(s.ID) + "/status"
	links := []Link{{Href: path, Rel: "self"}}
	for _, name := range s.BootSets {
		links = append(links, Link{Href: path + "/" + name, Rel: "Boot Set"})
	}
	return SessionStatus{Metadata: metadata(s.Progress(sets), s.Times), BootSets: s.BootSets, ID: s.ID, Links: links}
}

// BootSetRecord is a boot set's part of the tree.
type BootSetRecord struct {
	Name     string        `json:"name,omitempty" format:"name"`
	Session  string        `json:"session,omitempty" format:"word"`
	Metadata Metadata      `json:"metadata" required:"false"`
	Phases   []PhaseRecord `json:"phases" required:"false" nullable:"false" maxItems:"3"`
	Links    []Link        `json:"links,omitempty" nullable:"false"`
}

// PhaseRecord is a phase's part.
type PhaseRecord struct {
	Name       string              `json:"name" required:"false" format:"phase"`
	Metadata   Metadata            `json:"metadata" required:"false"`
	Categories []CategoryRecord    `json:"categories" required:"false" nullable:"false" maxItems:"5"`
	Errors     map[string][]string `json:"errors" required:"false" nullable:"false" doc:"What went wrong, and the nodes with which"`
}

// CategoryRecord are the nodes of a phase that stand alike.
type CategoryRecord struct {
	Name     string   `json:"name" required:"false" format:"category"`
	NodeList []string `json:"node_list" required:"false" nullable:"false" maxItems:"65535" format:"hsm-name"`
}

func bootSetRecord(b *BootSetStatus) BootSetRecord {
	path := sessionPath(b.Session) + "/status/" + b.Name
	out := BootSetRecord{Name: b.Name, Session: b.Session, Metadata: metadata(b.Progress(), b.Times), Phases: []PhaseRecord{}, Links: []Link{{Href: path, Rel: "self"}}}
	for i := range b.Phases {
		out.Phases = append(out.Phases, phaseRecord(&b.Phases[i]))
		out.Links = append(out.Links, Link{Href: path + "/" + b.Phases[i].Name, Rel: "Phase"})
	}
	return out
}

func phaseRecord(p *Phase) PhaseRecord {
	out := PhaseRecord{Name: p.Name, Metadata: metadata(p.Progress(), p.Times), Errors: p.Errors}
	if out.Errors == nil {
		out.Errors = map[string][]string{}
	}
	for _, name := range categories {
		out.Categories = append(out.Categories, categoryRecord(p, name))
	}
	return out
}

func categoryRecord(p *Phase, name string) CategoryRecord {
	return CategoryRecord{Name: name, NodeList: append([]string{}, p.Categories[name]...)}
}

// status is what the record says.
func (r *BootSetRecord) status(session, name string) (BootSetStatus, error) {
	if r.Name != "" && r.Name != name || r.Session != "" && r.Session != session {
		return BootSetStatus{}, fault.New(fault.Invalid, "the body is about boot set '%s' of session '%s', the path about '%s' of '%s'", r.Name, r.Session, name, session)
	}
	b := BootSetStatus{Session: session, Name: name, Times: r.Metadata.times()}
	for i := range r.Phases {
		from := &r.Phases[i]
		if from.Name == "" || b.phase(from.Name) != nil {
			return b, fault.New(fault.Invalid, "phases[%d]: expected each of shutdown, boot and configure at most once, here '%s'", i, from.Name)
		}
		p := Phase{Name: lower(from.Name), Times: from.Metadata.times()}
		for _, c := range from.Categories {
			if c.Name == "" {
				return b, fault.New(fault.Invalid, "phases[%d]: a category has no name: its nodes would be in none", i)
			}
			p.Move(lower(c.Name), bootset.Canonical(c.NodeList))
		}
		for message, nodes := range from.Errors {
			p.Blame(message, bootset.Canonical(nodes))
		}
		b.Phases = append(b.Phases, p)
	}
	for _, n := range b.Nodes() { // each becomes a component
		if !xname.IsNode(n) {
			return b, fault.New(fault.Invalid, "'%s' in node_list is no node: expected xnames of nodes, such as x1000c0s0b0n0", n)
		}
	}
	return b, nil
}
