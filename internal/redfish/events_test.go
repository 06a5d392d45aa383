package redfish_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	simulated "github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/redfish"
)

// told is an event as it came.
type told struct {
	context string
	ofPower bool
}

// listen is a subscriber: its address, and what it is told.
func listen(t *testing.T) (url string, events chan told) {
	t.Helper()
	events = make(chan told, 16)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		context, ofPower, err := redfish.ReadEvent(text)
		if err != nil {
			t.Errorf("event %s: %v", text, err)
		}
		events <- told{context, ofPower}
	}))
	t.Cleanup(s.Close)
	return s.URL, events
}

// talker is a simulated BMC of the character.
func talker(t *testing.T, character simulated.Character) (*simulated.Face, string) {
	t.Helper()
	face := simulated.NewFace(func(netip.Addr) (simulated.Controller, bool) {
		return simulated.Controller{Number: 7, Character: character}, true
	}, login.Username, login.Password)
	t.Cleanup(face.Close)
	return face, serve(t, face)
}

func TestSubscribersAreToldOfPower(t *testing.T) {
	face, at := talker(t, simulated.Character{})
	d := redfish.New(4)
	t.Cleanup(d.Close)
	url, events := listen(t)
	mine := redfish.Subscription{Destination: url, Context: "mine"}

	path, err := d.Subscribe(t.Context(), at, login, mine)
	if err != nil {
		t.Fatal(err)
	}
	if e := <-events; e != (told{"mine", false}) {
		t.Errorf("the test of the way arrives as %+v", e)
	}
	face.Changed(7, 0, simulated.Off)
	if e := <-events; e != (told{"mine", true}) {
		t.Errorf("a change of power arrives as %+v", e)
	}
	if again, err := d.Subscribe(t.Context(), at, login, mine); err != nil || again != path {
		t.Errorf("subscribed again: %s, %v; want %s", again, err, path)
	}
	<-events
	if has, err := d.Subscribed(t.Context(), at, login, path, mine); err != nil || !has {
		t.Errorf("subscribed: %v, %v", has, err)
	}
	face.Forget(7)
	if has, err := d.Subscribed(t.Context(), at, login, path, mine); err != nil || has {
		t.Errorf("subscribed, at a BMC that forgot: %v, %v", has, err)
	}
}

func TestSubscriptionsToFormerDestinationsEndAndThoseOfOthersStay(t *testing.T) {
	face, at := talker(t, simulated.Character{})
	d := redfish.New(4)
	t.Cleanup(d.Close)
	before, eventsBefore := listen(t)
	now, eventsNow := listen(t)
	others, eventsOfOthers := listen(t)
	for _, s := range []redfish.Subscription{{Destination: before + "/secret", Below: before}, {Destination: others}, {Destination: now, Below: before}} {
		if _, err := d.Subscribe(t.Context(), at, login, s); err != nil {
			t.Fatal(err)
		}
	}
	face.Changed(7, 0, simulated.On)
	for _, events := range []chan told{eventsNow, eventsOfOthers} {
		for e := range events {
			if e.ofPower { // after the tests
				break
			}
		}
	}
	for len(eventsBefore) > 0 { // those of one BMC arrive in order
		if e := <-eventsBefore; e.ofPower {
			t.Error("a former destination is told of power")
		}
	}
}

func TestBMCsThatSendNoEventsAreKnown(t *testing.T) {
	d := redfish.New(4)
	t.Cleanup(d.Close)
	_, off := talker(t, simulated.Character{NoEvents: true})
	for what, at := range map[string]string{"switched off": off, "no service": serve(t, card)} {
		if _, err := d.Subscribe(t.Context(), at, login, redfish.Subscription{Destination: "http://127.0.0.1:1/", Context: "mine"}); !errors.Is(err, redfish.ErrNoEvents) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A subscription that the BMC suspended is ended, and made anew.
func TestSuspendedSubscriptionsAreMadeAnew(t *testing.T) {
	has := bmc{
		"/redfish/v1":         `{"EventService":{"@odata.id":"/redfish/v1/E"}}`,
		"/redfish/v1/E":       `{"RegistryPrefixes":["ResourceEvent"],"Subscriptions":{"@odata.id":"/redfish/v1/E/Who"}}`,
		"/redfish/v1/E/Who":   `{"Members":[{"@odata.id":"/redfish/v1/E/Who/1"}]}`,
		"/redfish/v1/E/Who/1": `{"Destination":"https://drover/x","Status":{"State":"Disabled"}}`,
	}
	var asked []string
	at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			has.ServeHTTP(w, r)
			return
		}
		asked = append(asked, r.Method+" "+r.URL.Path)
		w.Header().Set("Location", "/redfish/v1/E/Who/2")
	}))
	d := redfish.New(4)
	t.Cleanup(d.Close)
	mine := redfish.Subscription{Destination: "https://drover/x", Below: "https://drover/", Context: "mine"}
	if sends, err := d.Subscribed(t.Context(), at, login, "/redfish/v1/E/Who/1", mine); err != nil || sends {
		t.Errorf("a suspended subscription: %v, %v", sends, err)
	}
	path, err := d.Subscribe(t.Context(), at, login, mine)
	if want := []string{"DELETE /redfish/v1/E/Who/1", "POST /redfish/v1/E/Who"}; err != nil || path != "/redfish/v1/E/Who/2" || !slices.Equal(asked, want) {
		t.Errorf("%s, %v, asked %v, want %v", path, err, asked, want)
	}
}

// Services that do not know registries are asked for kinds of events.
func TestOldEventServicesAreAskedForKindsOfEvents(t *testing.T) {
	old := bmc{
		"/redfish/v1": `{"EventService":{"@odata.id":"/redfish/v1/Events"}}`,
		"/redfish/v1/Events": `{"EventTypesForSubscription":["ResourceAdded","StatusChange","Alert"],"Subscriptions":{"@odata.id":"/redfish/v1/Events/Who"},
			"Actions":{"#EventService.SubmitTestEvent":{"target":"/redfish/v1/Events/Test"}}}`,
		"/redfish/v1/Events/Who": `{"Members":[]}`,
	}
	asked := map[string]map[string]any{}
	at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			old.ServeHTTP(w, r)
			return
		}
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		asked[r.URL.Path] = body
		w.Header().Set("Location", "https://bmc/redfish/v1/Events/Who/1")
		w.WriteHeader(http.StatusCreated)
	}))
	d := redfish.New(4)
	t.Cleanup(d.Close)
	path, err := d.Subscribe(t.Context(), at, login, redfish.Subscription{Destination: "https://drover/x", Context: "mine"})
	if err != nil || path != "/redfish/v1/Events/Who/1" {
		t.Fatalf("%s, %v", path, err)
	}
	wish := asked["/redfish/v1/Events/Who"]
	types, _ := wish["EventTypes"].([]any)
	if !slices.Equal(types, []any{"StatusChange", "Alert"}) || wish["RegistryPrefixes"] != nil || wish["Protocol"] != "Redfish" {
		t.Errorf("the wish is %v", wish)
	}
	if test := asked["/redfish/v1/Events/Test"]; test["EventType"] != "Alert" || !strings.HasPrefix(test["MessageId"].(string), "ResourceEvent.") {
		t.Errorf("the test is %v", test)
	}
}

func TestWhatEventsTellOfPower(t *testing.T) {
	for id, want := range map[string]bool{
		"ResourceEvent.1.0.ResourcePowerStateChanged": true,
		"CrayAlerts.1.0.resourcepowerstatechanged":    true,
		"iLOEvents.2.1.ServerPoweredOff":              true,
		"SystemPowerOn":                               true,
		"Alert.1.0.DCPowerOff":                        true,
		"Vendor.Alert":                                true,
		"ResourceEvent.1.0.ResourceChanged":           false,
		"PowerSupply.1.0.FanFailed":                   false,
		"":                                            false,
	} {
		text, err := json.Marshal(map[string]any{"Events": []any{map[string]any{"MessageId": id, "Context": "mine"}}})
		if err != nil {
			t.Fatal(err)
		}
		if context, ofPower, err := redfish.ReadEvent(text); err != nil || ofPower != want || context != "mine" {
			t.Errorf("%q: of power %v, of %q, %v", id, ofPower, context, err)
		}
	}
	for _, text := range []string{"<event/>", "{}", `{"Events":[]}`} {
		if _, _, err := redfish.ReadEvent([]byte(text)); err == nil {
			t.Errorf("%s is read", text)
		}
	}
}
