package capmc

import (
	"fmt"
	"net/http"
	"strings"
)

// The codes of answers and of their parts: those of errno(3), -1 for what has
// none, and HTTP statuses.
const (
	ok        = 0
	failed    = -1 // of some component
	invalid   = 22 // EINVAL: not a name, or given twice
	noLock    = 37 // ENOLCK: not reserved
	badNode   = 52 // EBADE: some node's power cap
	noData    = 66 // ENODATA: the node has no power cap
	badAnswer = 74 // EBADMSG: the BMC's answer
)

// Result is what every answer begins with.
type Result struct {
	E      int    `json:"e" doc:"0, or what went wrong"`
	ErrMsg string `json:"err_msg" doc:"What went wrong, in words"`
}

// XnameError is what went wrong with a component.
type XnameError struct {
	Xname  string `json:"xname"`
	E      int    `json:"e" doc:"What went wrong"`
	ErrMsg string `json:"err_msg" doc:"What went wrong, in words"`
}

// NIDError is what went wrong with a node.
type NIDError struct {
	NID    int    `json:"nid"`
	E      int    `json:"e" doc:"What went wrong"`
	ErrMsg string `json:"err_msg" doc:"What went wrong, in words"`
}

// Refusal is the answer to a request that is wrong or cannot be dealt with.
type Refusal struct {
	status int
	Result
	Xnames []XnameError `json:"xnames,omitempty"`
	NIDs   []NIDError   `json:"nids,omitempty"`
}

func (r *Refusal) Error() string { return fmt.Sprintf("%s (e %d)", r.ErrMsg, r.E) }

// GetStatus is the HTTP status.
func (r *Refusal) GetStatus() int { return r.status }

// refuse is a refusal whose code is its status.
func refuse(status int, format string, args ...any) *Refusal {
	return &Refusal{status: status, Result: Result{status, fmt.Sprintf(format, args...)}}
}

// refuseNames is a refusal because of some names.
func refuseNames(wrong []XnameError) *Refusal {
	names := make([]string, len(wrong))
	for i, w := range wrong {
		names[i] = w.Xname
	}
	return &Refusal{status: http.StatusBadRequest, Xnames: wrong,
		Result: Result{invalid, "invalid/duplicate xnames: [" + strings.Join(names, " ") + "]"}}
}

// refuseNIDs is a refusal because of some NIDs.
func refuseNIDs(wrong []NIDError) *Refusal {
	names := make([]string, len(wrong))
	for i, w := range wrong {
		names[i] = fmt.Sprint(w.NID)
	}
	return &Refusal{status: http.StatusBadRequest, NIDs: wrong,
		Result: Result{invalid, "invalid/duplicate nids: [" + strings.Join(names, " ") + "]"}}
}
