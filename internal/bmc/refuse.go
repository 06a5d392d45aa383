package bmc

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

func missing(w http.ResponseWriter, path string) {
	refuse(w, http.StatusNotFound, "ResourceMissingAtURI", "The resource at the URI "+path+" was not found.")
}

// answer is what the controller says instead of doing what it was asked.
func (no *Refusal) answer(w http.ResponseWriter) {
	if no.Dropped {
		panic(http.ErrAbortHandler) // drops the connection without an answer
	}
	if no.RetryAfter > 0 {
		seconds := (no.RetryAfter + time.Second - 1) / time.Second
		w.Header().Set("Retry-After", strconv.Itoa(int(seconds)))
	}
	refuse(w, no.Status, cmp.Or(no.ID, "GeneralError"), no.Message)
}

// refuse answers with a Redfish error of the Base registry.
func refuse(w http.ResponseWriter, status int, id, message string) {
	type info struct {
		Type     string `json:"@odata.type"`
		ID       string `json:"MessageId"`
		Message  string
		Severity string
	}
	type failure struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Info    []info `json:"@Message.ExtendedInfo"`
	}
	id = "Base.1.8." + id
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]failure{"error": { //nolint:errcheck // the client is gone
		id, message, []info{{"#Message.v1_1_1.Message", id, message, "Critical"}}}})
}
