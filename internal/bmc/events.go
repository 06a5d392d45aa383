package bmc

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// record is what happened, as Redfish has it in an event.
type record struct {
	MemberID  string   `json:"MemberId"`
	EventID   string   `json:"EventId"`
	Type      string   `json:"EventType"`
	Timestamp string   `json:"EventTimestamp"`
	MessageID string   `json:"MessageId"`
	Message   string   `json:"Message"`
	Args      []string `json:"MessageArgs,omitempty"`
	Severity  string   `json:"Severity"`
	Origin    *origin  `json:"OriginOfCondition,omitempty"`
}

type origin struct {
	ID string `json:"@odata.id"`
}

// Changed tells the controller's subscribers that its system of the number has
// that power now. It does not wait for them.
func (f *Face) Changed(controller, system int, power PowerState) {
	path := rootPath + "/Systems/Node" + strconv.Itoa(system)
	f.tell(controller, record{MessageID: powerRegistry + ".1.0.ResourcePowerStateChanged", Origin: &origin{path},
		Message: "The power state of resource " + path + " has changed to type " + string(power) + ".", Args: []string{path, string(power)}}, false)
}

// Forget has the controller lose its subscriptions, as some do when they restart.
func (f *Face) Forget(controller int) { f.subscriptions.forget(controller) }

// tell sends the event to those of the controller's subscribers who want it.
func (f *Face) tell(controller int, e record, test bool) {
	to := f.subscriptions.of(controller)
	if len(to) == 0 {
		return
	}
	registry, _, _ := strings.Cut(e.MessageID, ".")
	number := strconv.FormatInt(f.courier.events.Add(1), 10)
	e.MemberID, e.EventID, e.Type, e.Severity = "0", number, "Event", "OK"
	e.Timestamp = time.Now().UTC().Format(time.RFC3339)
	for i := range to {
		if !to[i].wants(registry, test) {
			continue
		}
		text, _ := json.Marshal(struct { // strings always encode
			Type    string `json:"@odata.type"`
			ID      string `json:"Id"`
			Name    string
			Context string
			Events  []record
		}{"#Event.v1_4_0.Event", number, "Event", to[i].Context, []record{e}})
		f.courier.send(controller, to[i].Destination, text)
	}
}
