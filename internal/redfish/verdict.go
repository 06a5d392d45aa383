package redfish

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Verdict is what the failure of a request means for asking again.
type Verdict int

// The verdicts.
const (
	// Later says nothing about the request: the BMC is busy, or away.
	Later Verdict = iota
	// Refused is a no to this request; the same may be taken another time.
	Refused
	// Never is a no that stays: the BMC does not have the action or the value.
	Never
)

func (v Verdict) String() string { return [...]string{"later", "refused", "never"}[v] }

// VerdictOf tells what an error of a Driver means. What is no answer of a BMC
// is Later. A bare 404 or 405 is Refused and not Never, because a BMC that
// starts gives it.
func VerdictOf(err error) Verdict {
	var answer *Error
	switch {
	case errors.Is(err, errNoPath):
		return Refused
	case !errors.As(err, &answer):
		return Later
	}
	switch answer.Status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusRequestTimeout, http.StatusLocked,
		http.StatusTooEarly, http.StatusBadGateway, http.StatusGatewayTimeout:
		return Later
	case http.StatusNotImplemented:
		return Never
	}
	switch {
	case slices.ContainsFunc(answer.MessageIDs, saysUnsupported):
		return Never
	case answer.Status == http.StatusConflict, answer.Status >= 500 && !answer.Worded:
		return Later
	}
	return Refused
}

// NotTaken tells whether it is certain that the BMC did not do what the
// request asked for.
func NotTaken(err error) bool {
	var answer *Error
	if errors.As(err, &answer) {
		switch answer.Status {
		case http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
			return false
		}
		return true
	}
	var never *unsentError
	return errors.Is(err, errNoPath) || errors.As(err, &never)
}

// unsupported are the messages of the Base registry that say that an action,
// its parameter or the parameter's value does not exist.
var unsupported = []string{"ActionNotSupported", "ActionParameterNotSupported", "ActionParameterUnknown",
	"ActionParameterValueNotInList", "ParameterValueNotInList", "PropertyValueNotInList"}

// saysUnsupported looks at the key of a message ID: registry, versions, key.
func saysUnsupported(id string) bool {
	key := id[strings.LastIndexByte(id, '.')+1:]
	return slices.ContainsFunc(unsupported, func(u string) bool { return strings.EqualFold(u, key) })
}

// LongestRetryAfter bounds what is believed of a Retry-After.
const LongestRetryAfter = 24 * time.Hour

// retryAfter reads a Retry-After of seconds or of a date, which counts by the
// clock of the BMC that gave it. Zero: there is none, or no future one.
func retryAfter(h http.Header, now time.Time) time.Duration {
	given := h.Get("Retry-After")
	if seconds, err := strconv.ParseInt(given, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), int64(LongestRetryAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(given)
	if err != nil {
		return 0
	}
	if its, err := http.ParseTime(h.Get("Date")); err == nil {
		now = its
	}
	return min(max(at.Sub(now), 0), LongestRetryAfter)
}
