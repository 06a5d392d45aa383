package fault

import (
	"errors"
	"fmt"
)

// Kind tells what a caller can do about an error.
type Kind int

// The kinds, with the HTTP status that httpapi gives them.
const (
	Internal        Kind = iota // 500: a defect or damaged data; nothing the caller can do
	Invalid                     // 400: the request is wrong; change it
	NotFound                    // 404: no such thing
	Conflict                    // 409: the state of the thing forbids it
	Forbidden                   // 403: the caller may not
	Unavailable                 // 503: a service that is needed does not answer; try again
	Unauthenticated             // 401: who asks has to say who it is
)

// Error is an error with a kind.
type Error struct {
	Kind Kind
	// Summary is a short constant sentence that clients may match on (the
	// "title" of problem+json). Empty means the kind's usual one.
	Summary string
	// Detail says what, which field or node, and what was expected.
	Detail string
	// Cause is what was wrapped, if anything.
	Cause error
}

// New makes an error of the kind with a formatted detail. %w wraps a cause.
func New(kind Kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Detail: err.Error(), Cause: errors.Unwrap(err)}
}

// Titled is New with a summary of its own.
func Titled(kind Kind, summary, format string, args ...any) *Error {
	e := New(kind, format, args...)
	e.Summary = summary
	return e
}

func (e *Error) Error() string {
	switch {
	case e.Detail == "":
		return e.Summary
	case e.Summary == "":
		return e.Detail
	}
	return e.Summary + ": " + e.Detail
}

func (e *Error) Unwrap() error { return e.Cause }

// KindOf is the kind of the first *Error in err's chain, Internal when there
// is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// Is reports whether err is of the kind. A nil error is of no kind.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }
