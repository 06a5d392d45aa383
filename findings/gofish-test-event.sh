#!/bin/sh
# gofish 0.21.1 with Go 1.26.8: EventService.SubmitTestingEvent asks for an event that services may refuse, and that subscribers cannot tell apart.
#
# Its EventTimestamp is what Go prints of a time by default, "2026-12-01 01:20:00.1 +0000 UTC m=+0.01", with the reading of the monotonic clock; Redfish's times are
# those of ISO 8601 with a T and an offset (Edm.DateTimeOffset, DSP0266). It has no MessageId, by which subscribers know what happened and by whose registry
# services filter (RegistryPrefixes). A subscription with filters hears nothing of it.
#
#   SubmitTestingEvent    EventTimestamp is no RFC 3339 time, MessageId is missing
#   SubmitTestEvent       what it is given, and nothing else
#
# So a test of a subscription should be made with SubmitTestEvent and a MessageId of a registry that was subscribed to.
set -eu

dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
export GOPATH="$dir/go" GOFLAGS=-mod=mod GOTOOLCHAIN=go1.26.8
cat >go.mod <<'MOD'
module finding

go 1.25

require github.com/stmcginnis/gofish v0.21.1
MOD
cat >main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/stmcginnis/gofish"
	"github.com/stmcginnis/gofish/schemas"
)

const service = `{"@odata.id":"/redfish/v1/EventService","Id":"EventService","Name":"Events","ServiceEnabled":true,
"Actions":{"#EventService.SubmitTestEvent":{"target":"/redfish/v1/EventService/Actions/EventService.SubmitTestEvent"}}}`

func main() {
	var got map[string]any
	mux := http.NewServeMux()
	mux.HandleFunc("GET /redfish/v1/{$}", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"@odata.id":"/redfish/v1/","Id":"Root","Name":"Root","EventService":{"@odata.id":"/redfish/v1/EventService"}}`)
	})
	mux.HandleFunc("GET /redfish/v1/EventService", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, service) })
	mux.HandleFunc("POST /redfish/v1/EventService/Actions/EventService.SubmitTestEvent", func(w http.ResponseWriter, r *http.Request) {
		got = nil
		check(json.NewDecoder(r.Body).Decode(&got))
		w.WriteHeader(http.StatusNoContent)
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	c, err := gofish.Connect(gofish.ClientConfig{Endpoint: s.URL})
	check(err)
	events, err := c.Service.EventService()
	check(err)

	check(events.SubmitTestingEvent("is this heard?"))
	at, _ := got["EventTimestamp"].(string)
	_, wrong := time.Parse(time.RFC3339, at)
	_, named := got["MessageId"]
	fmt.Printf("SubmitTestingEvent  EventTimestamp %q is RFC 3339: %v, MessageId is there: %v\n", at, wrong == nil, named)

	_, err = events.SubmitTestEvent(&schemas.EventServiceSubmitTestEventParameters{MessageID: "ResourceEvent.1.0.ResourceChanged"})
	check(err)
	fmt.Printf("SubmitTestEvent     %v\n", got)
	if wrong == nil || named || len(got) != 1 || got["MessageId"] != "ResourceEvent.1.0.ResourceChanged" {
		fmt.Println("this has changed")
		os.Exit(1)
	}
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
GO
go mod tidy >/dev/null 2>&1
go run .
