package bmc

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Character is in what a controller differs from one that does all by the
// book; the zero value is that one. Real ones are met of each kind.
type Character struct {
	// SessionOnly controllers take no Basic authentication.
	SessionOnly bool
	// ETags has changes refused without the resource's ETag in If-Match: 428, or
	// 412 for another's.
	ETags bool
	// Tasks has resets answered with 202 and a task monitor.
	Tasks bool
	// Untold controllers do not tell which reset types they take.
	Untold bool
	// Offers are the reset types of the systems; nil is all of ResetTypes.
	Offers []string
	// BusyEvery has every so-many-th request answered with 503 and Retry-After.
	BusyEvery int
	// LostMember has the lists of chassis, processors and Ethernet interfaces
	// name one that is not there.
	LostMember bool
	// Baseboard is listed among the systems, before them, and cannot be reset.
	Baseboard bool
	// Adapters have the systems' MACs, which list no Ethernet interfaces.
	Adapters bool
	// Limits is where the limits of the systems' power are.
	Limits LimitForm
	// NoEvents controllers have their event service switched off.
	NoEvents bool
	// LostEvents controllers tell their subscribers of tests alone.
	LostEvents bool
}

// characters are those that have a name, in the order of CharacterNames.
var characters = []struct {
	name string
	Character
}{
	{"plain", Character{}},
	{"session-only", Character{SessionOnly: true}},
	{"etag", Character{ETags: true}},
	{"task", Character{Tasks: true}},
	{"no-reset-types", Character{Untold: true}},
	{"force-on", Character{Offers: []string{ForceOn, ForceOff, GracefulShutdown, ForceRestart}}},
	{"busy", Character{BusyEvery: 5}},
	{"lost-member", Character{LostMember: true}},
	{"baseboard", Character{Baseboard: true}},
	{"adapters", Character{Adapters: true}},
	{"node-controls", Character{Limits: InNodeControls}},
	{"environment", Character{Limits: InEnvironment}},
	{"power", Character{Limits: InPower}},
	{"no-events", Character{NoEvents: true}},
	{"lost-events", Character{LostEvents: true}},
}

// CharacterNames are the names that CharacterOf knows.
func CharacterNames() []string {
	names := make([]string, len(characters))
	for i := range characters {
		names[i] = characters[i].name
	}
	return names
}

// CharacterOf is the character of that name.
func CharacterOf(name string) (Character, bool) {
	i := slices.IndexFunc(characters, func(c struct {
		name string
		Character
	}) bool {
		return c.name == name
	})
	if i < 0 {
		return Character{}, false
	}
	return characters[i].Character, true
}

// offers are the reset types that the controller takes.
func (c Character) offers() []string {
	if c.Offers != nil {
		return c.Offers
	}
	return ResetTypes
}

// expands tells whether lists can be had with their members in them: not those
// of which one is not there.
func (c Character) expands() bool { return !c.LostMember }

// busyPause is said with the 503s of a busy controller, in seconds.
const busyPause = "1"

// counters count the requests of each controller that is busy now and then.
type counters struct{ byBMC sync.Map }

// busy counts a request and tells whether it is one that is put off.
func (n *counters) busy(c Controller) bool {
	if c.Character.BusyEvery == 0 {
		return false
	}
	count, _ := n.byBMC.LoadOrStore(c.Number, new(atomic.Int64))
	return count.(*atomic.Int64).Add(1)%int64(c.Character.BusyEvery) == 0
}

// etag is the version of a resource.
func etag(text string) string {
	h := fnv.New64a()
	h.Write([]byte(text))
	return fmt.Sprintf(`W/"%x"`, h.Sum64())
}

// conditionMet tells whether a change of the resource may go on, and answers if
// not.
func (c Controller) conditionMet(w http.ResponseWriter, r *http.Request, path string) bool {
	if !c.Character.ETags {
		return true
	}
	resource, _, _ := strings.Cut(path, "/Actions/")
	given := r.Header.Get("If-Match")
	switch {
	case given == "":
		refuse(w, http.StatusPreconditionRequired, "PreconditionRequired", "A precondition header or annotation is required to change this resource.")
	case given != "*" && given != etag(c.resource(resource, nil)):
		refuse(w, http.StatusPreconditionFailed, "PreconditionFailed", "The ETag supplied did not match the ETag required to change this resource.")
	default:
		return true
	}
	return false
}
