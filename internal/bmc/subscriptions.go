package bmc

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

const (
	subscriptionsPath = rootPath + "/EventService/Subscriptions"
	// maxSubscriptions is how many subscribers a controller has room for.
	maxSubscriptions = 10
	// powerRegistry is where the messages of changes of power come from.
	powerRegistry = "ResourceEvent"
)

// subscriptions are those who want to be told of events, of all controllers.
// They end with the program.
type subscriptions struct {
	mu    sync.Mutex
	last  int
	byBMC map[int][]subscription
}

// subscription is one subscriber's wish, with the names that Redfish has for it.
type subscription struct {
	id               string
	Destination      string
	Context          string
	Protocol         string
	EventFormatType  string
	RegistryPrefixes []string
	testsOnly        bool // the controller loses all other events
}

// wants tells whether messages of the registry are to be sent.
func (s *subscription) wants(registry string, test bool) bool {
	return (test || !s.testsOnly) && (len(s.RegistryPrefixes) == 0 || slices.Contains(s.RegistryPrefixes, registry))
}

// check says what is wrong with it, in Redfish's words.
func (s *subscription) check() *Refusal {
	u, err := url.Parse(s.Destination)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return &Refusal{Status: http.StatusBadRequest, ID: "PropertyValueFormatError",
			Message: "The value " + s.Destination + " for the property Destination is not the URL of an HTTP server."}
	case s.Protocol != "Redfish":
		return &Refusal{Status: http.StatusBadRequest, ID: "PropertyValueNotInList",
			Message: "The value " + s.Protocol + " for the property Protocol is not in the list of acceptable values."}
	case s.EventFormatType != "" && s.EventFormatType != "Event":
		return &Refusal{Status: http.StatusBadRequest, ID: "PropertyValueNotInList",
			Message: "The value " + s.EventFormatType + " for the property EventFormatType is not in the list of acceptable values."}
	}
	return nil
}

// add keeps the subscription; false: there is no room.
func (s *subscriptions) add(bmc int, added subscription) (subscription, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.byBMC[bmc]) >= maxSubscriptions {
		return added, false
	}
	if s.byBMC == nil {
		s.byBMC = map[int][]subscription{}
	}
	s.last++
	added.id = strconv.Itoa(s.last)
	s.byBMC[bmc] = append(s.byBMC[bmc], added)
	return added, true
}

func (s *subscriptions) remove(bmc int, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.byBMC[bmc])
	s.byBMC[bmc] = slices.DeleteFunc(s.byBMC[bmc], func(known subscription) bool { return known.id == id })
	return len(s.byBMC[bmc]) < before
}

// of are the controller's, the oldest first.
func (s *subscriptions) of(bmc int) []subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.byBMC[bmc])
}

// forget ends all of the controller's.
func (s *subscriptions) forget(bmc int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byBMC, bmc)
}

// subscriptionText is the list of a controller's subscriptions, or one of them.
func (f *Face) subscriptionText(c Controller, path string) string {
	var paths []string
	for _, s := range f.subscriptions.of(c.Number) {
		if path == subscriptionsPath+"/"+s.id {
			return s.resource()
		}
		paths = append(paths, subscriptionsPath+"/"+s.id)
	}
	if path == subscriptionsPath {
		return collection(path, "EventDestination", paths)
	}
	return ""
}

func (s *subscription) resource() string {
	registries, _ := json.Marshal(append([]string{}, s.RegistryPrefixes...)) // strings always encode
	return fmt.Sprintf(`{"@odata.id":"%s/%s","@odata.type":"#EventDestination.v1_8_0.EventDestination","Id":%q,"Name":"Event subscription",`+
		`"Destination":%s,"Context":%s,"Protocol":"Redfish","EventFormatType":"Event","SubscriptionType":"RedfishEvent","RegistryPrefixes":%s,`+
		`"Status":{"State":"Enabled","Health":"OK"}}`, subscriptionsPath, s.id, s.id, quoted(s.Destination), quoted(s.Context), registries)
}

// quoted is the text as JSON has it.
func quoted(text string) string {
	q, _ := json.Marshal(text) // strings always encode
	return string(q)
}

// subscribe answers who wants to be told of events.
func (f *Face) subscribe(w http.ResponseWriter, r *http.Request, c Controller) {
	var wish subscription
	if !readBody(w, r, &wish) {
		return
	}
	if c.Character.NoEvents {
		refuseDisabled(w, "/EventService")
		return
	}
	if no := wish.check(); no != nil {
		no.answer(w)
		return
	}
	wish.testsOnly = c.Character.LostEvents
	kept, ok := f.subscriptions.add(c.Number, wish)
	if !ok {
		refuse(w, http.StatusBadRequest, "EventSubscriptionLimitExceeded", "The event subscription failed due to the number of simultaneous subscriptions exceeding the limit of the implementation.")
		return
	}
	w.Header().Set("Location", subscriptionsPath+"/"+kept.id)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	w.Write([]byte(kept.resource())) //nolint:errcheck // the client is gone
}

// testEvent sends the event that it is asked for to who wants it.
func (f *Face) testEvent(w http.ResponseWriter, r *http.Request, c Controller) {
	var asked struct {
		MessageID string `json:"MessageId"`
	}
	switch {
	case c.Character.NoEvents:
		refuseDisabled(w, "/EventService")
		return
	case !readBody(w, r, &asked):
		return
	case strings.Count(asked.MessageID, ".") < 2:
		refuse(w, http.StatusBadRequest, "ActionParameterMissing",
			"The action SubmitTestEvent requires the parameter MessageId to be present in the request body.")
		return
	}
	f.tell(c.Number, record{MessageID: asked.MessageID, Message: "This is a test."}, true)
	w.WriteHeader(http.StatusNoContent)
}

// refuseDisabled says that the service at the path below the root is off.
func refuseDisabled(w http.ResponseWriter, service string) {
	refuse(w, http.StatusBadRequest, "ServiceDisabled", "The operation failed because the service at "+rootPath+service+" is disabled and cannot accept requests.")
}
