package redfish

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Error is a BMC's refusal: an answer that is no success.
type Error struct {
	Method, Path string
	Status       int
	// Message is the BMC's own words, empty if it gave none.
	Message string
	// Worded: the words are a Redfish error's, not those of some text.
	Worded bool
	// MessageIDs are those of the extended information, such as
	// "Base.1.8.ActionNotSupported".
	MessageIDs []string
	// RetryAfter is how long the BMC wants to be left alone; zero: it does not say.
	RetryAfter time.Duration
}

func (e *Error) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("BMC answered %d %s to %s %s", e.Status, http.StatusText(e.Status), e.Method, e.Path)
	}
	return fmt.Sprintf("BMC answered %d: %s", e.Status, e.Message)
}

// Detail is status, request and words of the refusal.
func (e *Error) Detail() string {
	text := fmt.Sprintf("%d %s to %s %s", e.Status, http.StatusText(e.Status), e.Method, e.Path)
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// Describe is what a failed request tells: of a refusal its detail, of a missing
// answer what was asked and why there was none, of anything else the error itself.
func Describe(err error) string {
	var refused *Error
	if errors.As(err, &refused) {
		return refused.Detail()
	}
	var silent *url.Error
	if errors.As(err, &silent) {
		return fmt.Sprintf("no answer to %s %s: %v", strings.ToUpper(silent.Op), silent.URL, silent.Err)
	}
	return err.Error()
}

// maxWords bounds what is repeated of an answer that is no Redfish error, maxSpoken
// what is of any other, in bytes.
const (
	maxWords  = 200
	maxSpoken = 1 << 10
)

// read takes the BMC's words from an error answer: the messages of the
// extended information, else the error's own, else the beginning of a text.
func (e *Error) read(body []byte) {
	var answer struct {
		Error struct {
			Message  string
			Extended []struct{ Message, MessageID string } `json:"@Message.ExtendedInfo"`
		}
	}
	if json.Unmarshal(body, &answer) != nil {
		if text := spoken(string(body), maxWords); !strings.HasPrefix(text, "<") { // else a page for people, of a web server
			e.Message = text
		}
		return
	}
	var words []string
	for _, x := range answer.Error.Extended {
		if x.MessageID != "" {
			e.MessageIDs = append(e.MessageIDs, x.MessageID)
		}
		if x.Message == "" {
			x.Message = x.MessageID
		}
		if x.Message != "" {
			words = append(words, x.Message)
		}
	}
	if len(words) == 0 {
		words = []string{answer.Error.Message}
	}
	e.Message = spoken(strings.Join(words, " "), maxSpoken)
	e.Worded = e.Message != ""
}

// spoken is the text of a BMC as it can be shown and kept: without what steers a
// terminal, in at most so many bytes.
func spoken(text string, most int) string {
	text = text[:min(len(text), 4*most)] // of more nothing is left anyway
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most-len("…")], "") + "…"
}
