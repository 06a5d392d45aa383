package hsm

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
)

// SubscriptionWishes are the changes that a subscriber wants to hear of: those
// to one of the words, and with Enabled those to or from enabled.
type SubscriptionWishes struct {
	Enabled        *bool    `json:"Enabled,omitempty" doc:"Whether to tell when components are enabled or disabled"`
	Roles          []string `json:"Roles,omitempty" doc:"Roles: a component that takes one is told"`
	SubRoles       []string `json:"SubRoles,omitempty" doc:"Subroles: a component that takes one is told"`
	SoftwareStatus []string `json:"SoftwareStatus,omitempty" doc:"Software statuses: a component that takes one is told"`
	States         []string `json:"States,omitempty" doc:"States: a component that takes one, or another flag in it, is told"`
}

// Subscription has notifications of changes POSTed to a URL.
type Subscription struct {
	ID         string `json:"ID" readOnly:"true" required:"false" doc:"ID of the subscription"`
	Subscriber string `json:"Subscriber" required:"false" doc:"Who it is, such as service@host"`
	URL        string `json:"Url" required:"false" doc:"Where to POST to, http or https"`
	SubscriptionWishes
}

// settle checks and spells what is wished.
func (w *SubscriptionWishes) settle(known *Values) error {
	for _, f := range []struct {
		field string
		words []string
		given []string
	}{{"Role", known.Role, w.Roles}, {"SubRole", known.SubRole, w.SubRoles}, {"State", values.State, w.States}} {
		for i := range f.given {
			word, err := spelled(f.field, f.words, f.given[i])
			if err != nil {
				return err
			}
			f.given[i] = word
		}
	}
	return nil
}

func (w *SubscriptionWishes) wantsEnabled() bool { return w.Enabled != nil && *w.Enabled }

// isNothing tells whether no change is wanted.
func (w *SubscriptionWishes) isNothing() bool {
	return !w.wantsEnabled() && len(w.Roles)+len(w.SubRoles)+len(w.SoftwareStatus)+len(w.States) == 0
}

func (s *Subscription) settle(known *Values) error {
	u, err := url.Parse(s.URL)
	switch {
	case s.Subscriber == "":
		return fault.New(fault.Invalid, "Missing Subscriber")
	case s.URL == "":
		return fault.New(fault.Invalid, "Missing Url")
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fault.New(fault.Invalid, "Url is '%s', expected one that begins with http:// or https:// and a host", s.URL)
	case !isPort(u.Port()):
		return fault.New(fault.Invalid, "Url is '%s', expected a port from 1 to 65535", s.URL)
	case s.isNothing():
		return fault.New(fault.Invalid, "nothing to notify of, expected one of Enabled, Roles, SubRoles, SoftwareStatus, States")
	}
	return s.SubscriptionWishes.settle(known)
}

// isPort tells whether something can listen at the port of a URL, empty for
// the scheme's.
func isPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// The operations of a patch.
const (
	opAdd     = "add"
	opRemove  = "remove"
	opReplace = "replace"
)

// patch adds wishes, removes them, or replaces those lists that are given.
func (w *SubscriptionWishes) patch(op string, given SubscriptionWishes) error {
	for _, f := range []struct {
		mine  *[]string
		given []string
	}{{&w.Roles, given.Roles}, {&w.SubRoles, given.SubRoles}, {&w.SoftwareStatus, given.SoftwareStatus}, {&w.States, given.States}} {
		switch strings.ToLower(op) {
		case opAdd:
			for _, word := range f.given {
				if !slices.Contains(*f.mine, word) {
					*f.mine = append(*f.mine, word)
				}
			}
		case opRemove:
			*f.mine = slices.DeleteFunc(*f.mine, func(m string) bool { return slices.Contains(f.given, m) })
		case opReplace:
			if f.given != nil {
				*f.mine = f.given
			}
		default:
			return fault.New(fault.Invalid, "Op is '%s', expected add, remove or replace", op)
		}
	}
	if given.Enabled != nil {
		on := *given.Enabled
		if strings.EqualFold(op, opRemove) {
			on = w.wantsEnabled() && !on
		}
		w.Enabled = &on
	}
	return nil
}

// Notification tells that components changed, and what to. Only what changed is
// in it.
type Notification struct {
	Components     []string `json:"Components"`
	State          string   `json:"State,omitempty"`
	Flag           string   `json:"Flag,omitempty"`
	Role           string   `json:"Role,omitempty"`
	SubRole        string   `json:"SubRole,omitempty"`
	SoftwareStatus *string  `json:"SoftwareStatus,omitempty"`
	Enabled        *bool    `json:"Enabled,omitempty"`
	Timestamp      string   `json:"Timestamp"`
}

// news is what a notification says but for whom.
type news struct {
	kind                 string // state, role, status, enabled
	state, flag          string
	role, subRole        string
	status               string
	enabled              bool
	isNewRole, isNewPart bool // of the role news: which of the two words is new
}

const (
	newsState   = "state"
	newsRole    = "role"
	newsStatus  = "status"
	newsEnabled = "enabled"
)

// newsOf is what became of a component; before is nil for a new one.
func newsOf(before *Component, after *Component) (out []news) {
	if before == nil {
		before = &Component{Enabled: after.Enabled}
	}
	if before.State != after.State || before.Flag != after.Flag {
		out = append(out, news{kind: newsState, state: after.State, flag: after.Flag})
	}
	if before.Role != after.Role || before.SubRole != after.SubRole {
		out = append(out, news{kind: newsRole, role: after.Role, subRole: after.SubRole,
			isNewRole: before.Role != after.Role, isNewPart: before.SubRole != after.SubRole})
	}
	if before.SoftwareStatus != after.SoftwareStatus {
		out = append(out, news{kind: newsStatus, status: after.SoftwareStatus})
	}
	if before.IsEnabled() != after.IsEnabled() {
		out = append(out, news{kind: newsEnabled, enabled: after.IsEnabled()})
	}
	return out
}

// wants tells whether a subscriber wants to hear it.
func (w *SubscriptionWishes) wants(n news) bool {
	switch n.kind {
	case newsState:
		return slices.Contains(w.States, n.state)
	case newsRole:
		return n.isNewRole && slices.Contains(w.Roles, n.role) || n.isNewPart && slices.Contains(w.SubRoles, n.subRole)
	case newsStatus:
		return slices.Contains(w.SoftwareStatus, n.status)
	}
	return w.wantsEnabled()
}

// notification is the news as it is told.
func (n news) notification(components []string, at string) Notification {
	out := Notification{Components: components, State: n.state, Flag: n.flag, Role: n.role, SubRole: n.subRole, Timestamp: at}
	switch n.kind {
	case newsStatus:
		out.SoftwareStatus = &n.status
	case newsEnabled:
		out.Enabled = &n.enabled
	}
	return out
}

// joins takes the components of a later notification of the same, if the two
// can be told as one.
func (n *Notification) joins(next *Notification) bool {
	if len(n.Components)+len(next.Components) > maxTold || n.State != next.State || n.Flag != next.Flag || n.Role != next.Role || n.SubRole != next.SubRole ||
		!same(n.SoftwareStatus, next.SoftwareStatus) || !same(n.Enabled, next.Enabled) {
		return false
	}
	n.Components, n.Timestamp = append(n.Components, next.Components...), next.Timestamp
	return true
}

// maxTold bounds the components of one notification that is made of several.
const maxTold = 10_000

func same[T comparable](a, b *T) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }
