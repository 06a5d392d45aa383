package audit

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/drover-hpc/drover/internal/auth"
)

// Outcome is what became of what somebody wanted to do.
type Outcome string

// The outcomes.
const (
	Done    Outcome = "done"
	Invalid Outcome = "invalid" // refused for what was asked: 400, 404, 409 and such
	Denied  Outcome = "denied"  // refused for who asked
	Failed  Outcome = "failed"  // of this server, or it was broken off
	Asked   Outcome = "asked"   // handed to another service, which tells later
	Noted   Outcome = "noted"   // of the log itself
)

// Outcomes are all of them.
var Outcomes = []Outcome{Done, Invalid, Denied, Failed, Asked, Noted}

// outcomeOf is the outcome of an answer with the status.
func outcomeOf(status int) Outcome {
	switch {
	case status >= 500 || status == 0:
		return Failed
	case status == 401 || status == 403:
		return Denied
	case status >= 400:
		return Invalid
	}
	return Done
}

// Who is whom a record is about.
type Who struct {
	Name   string    `json:"name,omitempty" doc:"Name of the token, user, node, job or part of Drover; empty: it did not say"`
	Role   auth.Role `json:"role,omitempty" doc:"Role; empty: none"`
	ID     string    `json:"id,omitempty" doc:"The token's id, the subject at the identity provider, or the job's session"`
	Tenant string    `json:"tenant,omitempty"`
}

// whoIs is the Who of an identity; nil is somebody who did not say.
func whoIs(i *auth.Identity) Who {
	if i == nil {
		return Who{}
	}
	id := i.Subject
	if i.Role == auth.Job {
		id = i.ID
	}
	return Who{Name: i.Name, Role: i.Role, ID: id, Tenant: i.Tenant}
}

// Drover is this server's own doing.
func Drover(part string) Who { return Who{Name: part, Role: "drover"} }

// Record is one thing that somebody did or wanted to do.
type Record struct {
	Number    int64      `json:"number" doc:"Place in the log; ask with before=NUMBER for older ones"`
	Time      time.Time  `json:"time" doc:"When it was asked for"`
	Who       Who        `json:"who"`
	From      string     `json:"from,omitempty" doc:"Address of the caller; empty: this server"`
	Method    string     `json:"method,omitempty"`
	Path      string     `json:"path" doc:"What was called, or what this server did"`
	What      string     `json:"what,omitempty" doc:"What it is, where that needs words"`
	Right     auth.Right `json:"right,omitempty" doc:"Right that it takes; empty: the role administrator"`
	Nodes     string     `json:"nodes,omitempty" doc:"Components that it names, folded"`
	NodeCount int        `json:"node_count,omitempty" doc:"How many these are"`
	Unnamed   int        `json:"unnamed,omitempty" doc:"Further components, for which there was no room"`
	Session   string     `json:"session,omitempty" doc:"Session that it is about"`
	Request   string     `json:"request,omitempty" doc:"X-Request-Id"`
	Outcome   Outcome    `json:"outcome" enum:"done,invalid,denied,failed,asked,noted"`
	Status    int        `json:"status,omitempty" doc:"Status of the answer"`
	Why       string     `json:"why,omitempty" doc:"Why not"`
	Count     int        `json:"count,omitempty" doc:"How many equal ones this stands for; 0 is one"`
	Until     *time.Time `json:"until,omitempty" doc:"When the last of them was"`
	Pruned    *Head      `json:"pruned,omitempty" doc:"Last record that was removed"`
}

// The longest texts of a record, in bytes. Callers choose what is in them.
const (
	maxText  = 300
	maxNodes = 4000
)

// bounded is the record with no more text than is kept.
func (r Record) bounded() Record {
	for _, text := range []*string{&r.Who.Name, &r.Who.ID, &r.Who.Tenant, &r.From, &r.Method, &r.Path, &r.What, &r.Session, &r.Request, &r.Why} {
		*text = short(*text, maxText)
	}
	return r
}

// short is the text, or its beginning and dots.
func short(text string, most int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= most {
		return text
	}
	cut := most - len("…")
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
