package hsm

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/store"
)

// subscriber takes notifications, or refuses them.
type subscriber struct {
	*httptest.Server
	mu     sync.Mutex
	sick   bool
	tries  int
	bodies []string
}

func newSubscriber(t *testing.T) *subscriber {
	s := &subscriber{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var n map[string]any
		err := json.NewDecoder(r.Body).Decode(&n)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.tries++
		if s.sick || err != nil || r.Method != http.MethodPost {
			http.Error(w, "not today", http.StatusServiceUnavailable)
			return
		}
		delete(n, "Timestamp")
		text, _ := json.Marshal(n)
		s.bodies = append(s.bodies, string(text))
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *subscriber) set(sick bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sick = sick
}

func (s *subscriber) tried() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tries
}

func (s *subscriber) got() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.bodies, "\n")
}

const scnPath = "/Subscriptions/SCN"

// subscribe returns the ID of a subscription to the changes.
func (b *bench) subscribe(s *subscriber, wishes string) string {
	b.t.Helper()
	var sub Subscription
	if err := json.Unmarshal([]byte(b.ok("POST", scnPath, fmt.Sprintf(`{"Subscriber":"test","Url":%q,%s}`, s.URL, wishes))), &sub); err != nil || sub.ID == "" {
		b.t.Fatal(err)
	}
	return sub.ID
}

// withNodes has four nodes that are On, added before anybody subscribed.
func (b *bench) withNodes() {
	b.t.Helper()
	b.call("POST", "/State/Components", `{"Components":[{"ID":"x1c0s0b0n0","State":"On"},{"ID":"x1c0s1b0n0","State":"On"},{"ID":"x1c0s2b0n0","State":"On"},{"ID":"x1c0s3b0n0","State":"Off"}]}`)
}

func (b *bench) kept() int {
	b.t.Helper()
	n, err := b.notifications.Count(b.t.Context(), store.Query{})
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

func TestSubscribersAreToldWhatTheyWantToHear(t *testing.T) {
	b := newBench(t, nil)
	b.withNodes()
	b.started()
	states, rest, none := newSubscriber(t), newSubscriber(t), newSubscriber(t)
	b.subscribe(states, `"States":["ready","Off"]`)
	b.subscribe(rest, `"Enabled":true,"Roles":["Application"],"SubRoles":["UAN"],"SoftwareStatus":["AdminDown"]`)
	b.subscribe(none, `"States":["Empty"]`)

	b.ok("PATCH", "/State/Components/BulkStateData", `{"ComponentIDs":["x1c0s0b0n0","x1c0s1b0n0","x9c0s0b0n0"],"State":"Ready"}`)
	b.ok("PATCH", "/State/Components/x1c0s0b0n0/FlagOnly", `{"Flag":"Warning"}`)
	b.ok("PATCH", "/State/Components/x1c0s0b0n0/StateData", `{"State":"Standby"}`) // not asked for
	b.ok("PATCH", "/State/Components/x1c0s0b0n0/StateData", `{"State":"Standby"}`) // no change
	b.ok("PATCH", "/State/Components/x1c0s2b0n0/Enabled", `{"Enabled":false}`)
	b.ok("PATCH", "/State/Components/x1c0s2b0n0/SoftwareStatus", `{"SoftwareStatus":"AdminDown"}`)
	b.ok("PATCH", "/State/Components/x1c0s2b0n0/SoftwareStatus", `{"SoftwareStatus":"other"}`)
	b.ok("PATCH", "/State/Components/x1c0s2b0n0/Role", `{"Role":"Application"}`)
	b.ok("PATCH", "/State/Components/x1c0s2b0n0/Role", `{"Role":"Application","SubRole":"UAN"}`)
	const wantStates = `{"Components":["x1c0s0b0n0","x1c0s1b0n0"],"Flag":"OK","State":"Ready"}` + "\n" +
		`{"Components":["x1c0s0b0n0"],"Flag":"Warning","State":"Ready"}`
	const wantRest = `{"Components":["x1c0s2b0n0"],"Enabled":false}` + "\n" + `{"Components":["x1c0s2b0n0"],"SoftwareStatus":"AdminDown"}` + "\n" +
		`{"Components":["x1c0s2b0n0"],"Role":"Application"}` + "\n" + `{"Components":["x1c0s2b0n0"],"Role":"Application","SubRole":"UAN"}`
	eventually(t, "states told", func() bool { return states.got() == wantStates })
	eventually(t, "the rest told", func() bool { return rest.got() == wantRest })
	eventually(t, "nothing left", func() bool { return b.kept() == 0 })
	if got := none.got(); got != "" {
		t.Errorf("told without being asked: %s", got)
	}
}

func TestWhatIsKeptIsDeliveredAfterARestartAndTogether(t *testing.T) {
	b := newBench(t, nil)
	b.withNodes()
	s := newSubscriber(t)
	b.subscribe(s, `"States":["Ready","Off"]`)
	for _, id := range words("x1c0s0b0n0 x1c0s1b0n0 x1c0s2b0n0") {
		b.ok("PATCH", "/State/Components/"+id+"/StateData", `{"State":"Ready"}`)
	}
	b.ok("PATCH", "/State/Components/x1c0s0b0n0/StateData", `{"State":"Off"}`)
	if b.kept() != 4 {
		t.Fatalf("%d notifications kept", b.kept())
	}
	b.started() // as the next process
	const want = `{"Components":["x1c0s0b0n0","x1c0s1b0n0","x1c0s2b0n0"],"Flag":"OK","State":"Ready"}` + "\n" + `{"Components":["x1c0s0b0n0"],"Flag":"OK","State":"Off"}`
	eventually(t, "told in order", func() bool { return s.got() == want })
}

func TestASickSubscriberDelaysNoOtherAndIsToldWhenItIsBack(t *testing.T) {
	b := newBench(t, nil)
	b.withNodes()
	b.notifier.firstPause, b.notifier.lastPause = time.Millisecond, 2*time.Millisecond
	b.started()
	sick, well := newSubscriber(t), newSubscriber(t)
	sick.set(true)
	b.subscribe(sick, `"States":["Ready"]`)
	b.subscribe(well, `"States":["Ready"]`)
	b.ok("PATCH", "/State/Components/x1c0s0b0n0/StateData", `{"State":"Ready"}`)
	const want = `{"Components":["x1c0s0b0n0"],"Flag":"OK","State":"Ready"}`
	eventually(t, "the well one told", func() bool { return well.got() == want })
	eventually(t, "the sick one tried again", func() bool { return sick.tried() > 3 })
	sick.set(false)
	eventually(t, "the sick one told", func() bool { return sick.got() == want })
}

func TestWhatNobodyTakesIsKeptWithinBounds(t *testing.T) {
	b := newBench(t, nil)
	b.withNodes()
	b.notifier.firstPause, b.notifier.lastPause, b.notifier.keepCount = time.Millisecond, 2*time.Millisecond, 2
	b.started()
	sick := newSubscriber(t)
	sick.set(true)
	id := b.subscribe(sick, `"States":["Ready","Off","On"]`)
	for _, state := range words("Off On Off On Off") {
		b.ok("PATCH", "/State/Components/x1c0s0b0n0/StateData", `{"State":"`+state+`"}`)
	}
	eventually(t, "two kept", func() bool { return b.kept() == 2 })
	b.advance(2 * time.Hour)
	eventually(t, "none kept", func() bool { return b.kept() == 0 })
	b.ok("PATCH", "/State/Components/x1c0s0b0n0/StateData", `{"State":"On"}`)
	b.ok("DELETE", scnPath+"/"+id, "")
	if n := b.kept(); n != 0 {
		t.Errorf("%d kept for a subscription that is gone", n)
	}
}

func TestADiscoveryTellsOfWhatChanged(t *testing.T) {
	b, _ := twoBMCs(t)
	s := newSubscriber(t)
	b.subscribe(s, `"States":["Empty"]`)
	b.ok("DELETE", redfishEndpointsPath+"/x1000c0s0b0", "")
	eventually(t, "told", func() bool { return strings.Contains(s.got(), `"x1000c0s0b0n0"`) })
}

func TestSubscriptionsAreChecked(t *testing.T) {
	b := newBench(t, nil)
	for body, part := range map[string]string{
		`{"Url":"http://a","States":["On"]}`:                        "Subscriber",
		`{"Subscriber":"s","States":["On"]}`:                        "Url",
		`{"Subscriber":"s","Url":"ftp://a","States":["On"]}`:        "ftp",
		`{"Subscriber":"s","Url":"http://a:99999","States":["On"]}`: "port from 1 to 65535",
		`{"Subscriber":"s","Url":"http://a:0/scn","States":["On"]}`: "port from 1 to 65535",
		`{"Subscriber":"s","Url":"http://a"}`:                       "nothing",
		`{"Subscriber":"s","Url":"http://a","States":["Asleep"]}`:   "Asleep",
		`{"Subscriber":"s","Url":"http://a","Roles":["Baker"]}`:     "Baker",
		`{"Subscriber":"s","Url":"http://a","SubRoles":["Baker"]}`:  "Baker",
		`{"Subscriber":"s","Url":"http://a","Enabled":false}`:       "nothing",
	} {
		b.refused("POST", scnPath, body, 400, part)
	}
	var sub Subscription
	if err := json.Unmarshal([]byte(b.ok("POST", scnPath, `{"Subscriber":"s","Url":"http://a","States":["on"]}`)), &sub); err != nil {
		t.Fatal(err)
	}
	b.refused("POST", scnPath, `{"Subscriber":"s","Url":"http://a","States":["Off"]}`, 409, sub.ID)
	one := scnPath + "/" + sub.ID
	b.ok("PATCH", one, `{"Op":"add","States":["Ready","On"],"Roles":["compute"],"Enabled":true}`)
	b.ok("PATCH", one, `{"Op":"remove","States":["On"]}`)
	if got := b.ok("GET", one, ""); got != `{"Subscriber":"s","Url":"http://a","Enabled":true,"Roles":["Compute"],"States":["Ready"]}` {
		t.Error(got)
	}
	b.ok("PATCH", one, `{"Op":"replace","States":["Halt"],"Roles":[]}`)
	b.ok("PATCH", one, `{"Op":"remove","Enabled":true}`)
	if got := b.ok("GET", one, ""); got != `{"Subscriber":"s","Url":"http://a","Enabled":false,"States":["Halt"]}` {
		t.Error(got)
	}
	b.refused("PATCH", one, `{"Op":"change","States":["On"]}`, 400, "change")
	b.ok("PUT", one, `{"Subscriber":"t","Url":"https://b/c","States":["Off"]}`)
	if got := b.ok("GET", scnPath, ""); got != `{"SubscriptionList":[{"ID":"`+sub.ID+`","Subscriber":"t","Url":"https://b/c","States":["Off"]}]}` {
		t.Error(got)
	}
	b.refused("PUT", scnPath+"/none", `{"Subscriber":"t","Url":"https://b/c","States":["Off"]}`, 404, "none")
	b.refused("PATCH", scnPath+"/none", `{"Op":"add"}`, 404, "none")
	b.refused("GET", scnPath+"/none", "", 404, "none")
	b.ok("DELETE", scnPath, "")
	if got := b.ok("GET", scnPath, ""); got != `{"SubscriptionList":[]}` {
		t.Error(got)
	}
}
