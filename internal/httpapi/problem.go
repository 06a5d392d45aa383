package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/fault"
)

// Problem is an RFC 7807 answer with exactly these four members, as the
// published interfaces have it.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// ProblemType is the media type of a Problem.
const ProblemType = "application/problem+json"

func (p *Problem) Error() string             { return p.Title + ": " + p.Detail }
func (p *Problem) GetStatus() int            { return p.Status }
func (p *Problem) ContentType(string) string { return ProblemType }

// NewProblem makes a problem; an empty title becomes the status's own text.
func NewProblem(status int, title, detail string) *Problem {
	if title == "" {
		title = http.StatusText(status)
	}
	return &Problem{Type: "about:blank", Title: title, Status: status, Detail: detail}
}

var statusOf = map[fault.Kind]int{
	fault.Internal:        http.StatusInternalServerError,
	fault.Invalid:         http.StatusBadRequest,
	fault.NotFound:        http.StatusNotFound,
	fault.Conflict:        http.StatusConflict,
	fault.Forbidden:       http.StatusForbidden,
	fault.Unavailable:     http.StatusServiceUnavailable,
	fault.Unauthenticated: http.StatusUnauthorized,
}

// AsProblem is the one place where errors become HTTP answers.
func AsProblem(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	status := statusOf[fault.KindOf(err)]
	switch {
	case status != http.StatusInternalServerError:
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded): // who asks has no more time: nothing is wrong here
		status = http.StatusServiceUnavailable
		slog.Debug("given up by who asked", "error", err)
	default:
		slog.Error("internal error", "error", err)
	}
	var f *fault.Error
	if errors.As(err, &f) && f.Summary != "" {
		return NewProblem(status, f.Summary, f.Detail)
	}
	return NewProblem(status, "", err.Error())
}

// WriteProblem answers a plain handler's request with err.
func WriteProblem(w http.ResponseWriter, err error) {
	p := AsProblem(err)
	w.Header().Set("Content-Type", ProblemType)
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p) //nolint:errcheck // the client is gone; nobody is left to tell
}

// The published interfaces answer 400 where huma would answer 422, and name
// the offending field behind the message.
func init() {
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		if status == http.StatusUnprocessableEntity {
			status = http.StatusBadRequest
		}
		if len(errs) > 0 && errs[0] != nil { // one is enough to act on
			if p, ok := errs[0].(*Problem); ok {
				return p
			}
			var d huma.ErrorDetailer
			if errors.As(errs[0], &d) {
				msg = fieldMessage(d.ErrorDetail())
			} else {
				msg += ": " + errs[0].Error()
			}
		}
		return NewProblem(status, "", msg)
	}
}

func fieldMessage(d *huma.ErrorDetail) string {
	field := strings.TrimPrefix(strings.TrimPrefix(d.Location, "body"), ".")
	if field == "" {
		return d.Message
	}
	return d.Message + " - '" + field + "'"
}
