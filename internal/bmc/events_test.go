package bmc_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stmcginnis/gofish"
	"github.com/stmcginnis/gofish/schemas"

	"github.com/drover-hpc/drover/internal/bmc"
)

// A client that knows nothing of this program subscribes, is told, and ends it.
func TestSubscriptionsOfOtherClients(t *testing.T) {
	const number = 3
	face := bmc.NewFace(func(netip.Addr) (bmc.Controller, bool) {
		return bmc.Controller{Number: number, Systems: []bmc.System{&machine{}}}, true
	}, "root", "secret")
	t.Cleanup(face.Close)
	controller := httptest.NewServer(face)
	t.Cleanup(controller.Close)
	events := make(chan schemas.Event, 4)
	subscriber := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var e schemas.Event
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			t.Error(err)
		}
		events <- e
	}))
	t.Cleanup(subscriber.Close)

	c, err := gofish.ConnectContext(t.Context(), gofish.ClientConfig{Endpoint: controller.URL, Username: "root", Password: "secret", BasicAuth: true})
	if err != nil {
		t.Fatal(err)
	}
	service, err := c.Service.EventService()
	if err != nil || !service.ServiceEnabled {
		t.Fatalf("%+v, %v", service, err)
	}
	subscribe := func(destination string) (string, error) {
		return service.CreateEventSubscriptionInstance(destination, []string{"ResourceEvent"}, nil, nil, schemas.RedfishEventDestinationProtocol, "mine", "", nil)
	}
	path, err := subscribe(subscriber.URL)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := service.GetEventSubscription(path); err != nil || s.Destination != subscriber.URL || s.Context != "mine" {
		t.Errorf("%+v, %v", s, err)
	}
	for _, id := range []string{"Base.1.8.Success", "ResourceEvent.1.0.ResourceChanged"} { // the first is of another registry
		if _, err := service.SubmitTestEvent(&schemas.EventServiceSubmitTestEventParameters{MessageID: id}); err != nil {
			t.Fatal(err)
		}
	}
	face.Changed(number, 0, bmc.Off)
	face.Changed(number+1, 0, bmc.Off) // of another controller
	for _, want := range []string{"ResourceEvent.1.0.ResourceChanged", "ResourceEvent.1.0.ResourcePowerStateChanged"} {
		if e := <-events; e.Context != "mine" || len(e.Events) != 1 || e.Events[0].MessageID != want {
			t.Errorf("%+v, want %s", e, want)
		}
	}
	if err := service.DeleteEventSubscription(path); err != nil {
		t.Fatal(err)
	}
	if left, err := service.Subscriptions(); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestAControllerHasRoomForSomeSubscriptions(t *testing.T) {
	r := newTree(t, bmc.Controller{})
	const path, wish = "/redfish/v1/EventService/Subscriptions", `{"Destination":"http://127.0.0.1:1/","Protocol":"Redfish"}`
	for i := range 11 {
		want := map[bool]int{true: 201, false: 400}[i < 10]
		if status, text := r.do("POST", path, wish); status != want {
			t.Errorf("subscription %d: %d %v", i+1, status, text)
		}
	}
	for body, want := range map[string]string{
		`{"Destination":"nowhere","Protocol":"Redfish"}`:                                        "Destination",
		`{"Destination":"http://127.0.0.1:1/","Protocol":"SNMP"}`:                               "Protocol",
		`{"Destination":"http://127.0.0.1:1/","Protocol":"Redfish","EventFormatType":"Metric"}`: "EventFormatType",
	} {
		if status, text := r.do("POST", path, body); status != 400 || !strings.Contains(toText(text), want) {
			t.Errorf("%s: %d %v", body, status, text)
		}
	}
}
