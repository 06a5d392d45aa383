package redfish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Subscription is a wish to be told of events by a BMC.
type Subscription struct {
	// Destination is the URL to which it POSTs them.
	Destination string
	// Below is how all destinations of the subscriber begin that it ever had here:
	// those that are not this one are former ones.
	Below string
	// Context is what the BMC says with each event.
	Context string
}

// ErrNoEvents is of BMCs that tell nobody of events: they have no event service,
// or it is switched off.
var ErrNoEvents = errors.New("the BMC sends no events")

const (
	// mostSubscriptions bounds how many of a BMC's are looked through.
	mostSubscriptions = 64
	// resourceEvents is the registry of messages on changes of resources.
	resourceEvents = "ResourceEvent"
	// testMessage needs no arguments, of which there must be as many as it has.
	testMessage = resourceEvents + ".1.0.ResourceChanged"
)

// oldTypes are the kinds of events that a change of power may be of, for BMCs that
// do not know registries.
var oldTypes = []string{"StatusChange", "Alert"}

// eventService is what is used of the resource of that name.
type eventService struct {
	ServiceEnabled   *bool
	Subscriptions    link
	RegistryPrefixes []string
	EventTypes       []string `json:"EventTypesForSubscription"`
	Actions          struct {
		// Test sends what it is given, Try a message of its own.
		Test eventAction `json:"#EventService.SubmitTestEvent"`
		Try  eventAction `json:"#EventService.TestEventSubscription"`
	}
}

type eventAction struct {
	Target string `json:"target"`
}

// eventDestination is what is used of a subscription that the BMC has.
type eventDestination struct {
	Destination string
	Status      struct{ State string }
}

// sends tells whether it is the subscription, and not suspended, as some are after
// deliveries that failed.
func (e *eventDestination) sends(s Subscription) bool {
	return e.Destination == s.Destination && (e.Status.State == "" || e.Status.State == "Enabled")
}

// Subscribe has the BMC send events of power to the destination, unless it does,
// and asks it for one that tests the way. Subscriptions to former destinations, and
// suspended ones, are ended. It returns the path of the subscription. Of a BMC that sends no events the
// error is ErrNoEvents.
func (d *Driver) Subscribe(ctx context.Context, address string, login Login, s Subscription) (path string, err error) {
	var service eventService
	if service, err = d.eventService(ctx, address, login); err != nil {
		return "", err
	}
	if path, err = d.subscribed(ctx, address, login, service.Subscriptions.OdataID, s); err != nil {
		return "", err
	}
	if path == "" {
		body, err := json.Marshal(service.wish(s))
		if err != nil {
			return "", err
		}
		a, err := d.authorized(ctx, address, login, request{method: http.MethodPost, path: service.Subscriptions.OdataID, body: body})
		if err != nil {
			return "", err
		}
		if path = pathOf(a.header.Get("Location")); !strings.HasPrefix(path, "/") {
			return "", fmt.Errorf("subscribe to events of BMC %s: the answer has no Location, which tells the subscription's path", address)
		}
	}
	d.testEvent(ctx, address, login, &service)
	return path, nil
}

// Subscribed tells whether the BMC has the subscription at the path still.
func (d *Driver) Subscribed(ctx context.Context, address string, login Login, path string, s Subscription) (bool, error) {
	var has eventDestination
	err := d.get(ctx, address, login, path, &has)
	if status := statusOf(err); status == http.StatusNotFound || status == http.StatusGone {
		return false, nil
	}
	return has.sends(s), err
}

// eventService finds out how the BMC tells of events.
func (d *Driver) eventService(ctx context.Context, address string, login Login) (service eventService, err error) {
	var top struct{ EventService link }
	if err = d.get(ctx, address, login, root, &top); err != nil {
		return service, err
	}
	if top.EventService.OdataID == "" {
		return service, ErrNoEvents
	}
	if err = d.get(ctx, address, login, top.EventService.OdataID, &service); err != nil {
		return service, err
	}
	if service.ServiceEnabled != nil && !*service.ServiceEnabled || service.Subscriptions.OdataID == "" {
		return service, ErrNoEvents
	}
	return service, nil
}

// subscribed is the path of the subscription, empty if the BMC does not have it.
func (d *Driver) subscribed(ctx context.Context, address string, login Login, list string, s Subscription) (path string, err error) {
	var known struct{ Members []link }
	if err := d.get(ctx, address, login, list, &known); err != nil {
		return "", err
	}
	for _, member := range known.Members[:min(len(known.Members), mostSubscriptions)] {
		var has eventDestination
		if err := d.get(ctx, address, login, member.OdataID, &has); statusOf(err) == http.StatusNotFound {
			continue // it ended meanwhile
		} else if err != nil {
			return "", err
		}
		switch {
		case has.sends(s) && path == "":
			path = member.OdataID
		case has.Destination != s.Destination && (s.Below == "" || !strings.HasPrefix(has.Destination, s.Below)): // another's
		default:
			_, err := d.authorized(ctx, address, login, request{method: http.MethodDelete, path: member.OdataID})
			if err != nil && statusOf(err) != http.StatusNotFound {
				return "", err
			}
		}
	}
	return path, nil
}

// wish is what is sent to subscribe. Filters that the BMC does not know are left
// out: it then tells of more.
func (e *eventService) wish(s Subscription) any {
	w := struct {
		Destination, Context, Protocol string
		RegistryPrefixes, EventTypes   []string `json:",omitempty"`
	}{Destination: s.Destination, Context: s.Context, Protocol: "Redfish"}
	if slices.Contains(e.RegistryPrefixes, resourceEvents) {
		w.RegistryPrefixes = []string{resourceEvents}
	} else {
		w.EventTypes = e.oldTypes()
	}
	return w
}

func (e *eventService) oldTypes() (known []string) {
	for _, t := range oldTypes {
		if slices.Contains(e.EventTypes, t) {
			known = append(known, t)
		}
	}
	return known
}

// testEvent asks for an event, as far as the BMC can send one that is asked for.
// Whether the way is good is seen by its arrival.
func (d *Driver) testEvent(ctx context.Context, address string, login Login, service *eventService) {
	path, body := service.Actions.Try.Target, []byte("{}")
	if path == "" {
		path, body = service.Actions.Test.Target, service.test()
	}
	if path != "" {
		d.authorized(ctx, address, login, request{method: http.MethodPost, path: path, body: body}) //nolint:errcheck // it is then not heard
	}
}

// test is the event that is asked for.
func (e *eventService) test() []byte {
	test := struct {
		MessageID string   `json:"MessageId"`
		Args      []string `json:"MessageArgs"`
		EventType string   `json:",omitempty"`
	}{MessageID: testMessage, Args: []string{}}
	if types := e.oldTypes(); len(types) > 0 {
		test.EventType = types[len(types)-1]
	}
	text, _ := json.Marshal(test) // strings always encode
	return text
}

// ReadEvent reads what a BMC POSTs to a subscription's destination: for whom it is,
// and whether it tells of power.
func ReadEvent(text []byte) (context string, ofPower bool, err error) {
	var event struct {
		Context string
		Events  []struct {
			MessageID string `json:"MessageId"`
			Context   string // of older BMCs
		}
	}
	if err := json.Unmarshal(text, &event); err != nil {
		return "", false, err
	}
	if len(event.Events) == 0 {
		return "", false, errors.New("'Events': expected at least one")
	}
	for _, e := range event.Events {
		if event.Context == "" {
			event.Context = e.Context
		}
		message := strings.ToLower(e.MessageID[strings.LastIndexByte(e.MessageID, '.')+1:])
		// ResourcePowerStateChanged, SystemPowerOn, PowerStatusChange, ServerPoweredOff,
		// DCPowerOn; some BMCs tell of everything as an alert.
		if strings.Contains(message, "power") || message == "alert" {
			ofPower = true
		}
	}
	return event.Context, ofPower, nil
}
