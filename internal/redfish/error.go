package redfish

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// Error is a BMC's refusal: an answer that is no success.
type Error struct {
	Method, Path string
	Status       int
	// Message is the BMC's own words, empty if it gave none.
	Message string
}

func (e *Error) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("BMC answered %d %s to %s %s", e.Status, http.StatusText(e.Status), e.Method, e.Path)
	}
	return fmt.Sprintf("BMC answered %d: %s", e.Status, e.Message)
}

// maxWords bounds what is repeated of an answer that is no Redfish error.
const maxWords = 200

// message finds the BMC's words in an error answer: the messages of the
// extended information, else the error's own, else the beginning of a text.
func message(body []byte) string {
	var answer struct {
		Error struct {
			Message  string
			Extended []struct{ Message, MessageID string } `json:"@Message.ExtendedInfo"`
		}
	}
	if json.Unmarshal(body, &answer) != nil {
		text := strings.Join(strings.Fields(string(body)), " ")
		if strings.HasPrefix(text, "<") { // a page for people, of a web server
			return ""
		}
		return strings.ToValidUTF8(text[:min(len(text), maxWords)], "")
	}
	var words []string
	for _, x := range answer.Error.Extended {
		if x.Message == "" {
			x.Message = x.MessageID
		}
		if x.Message != "" {
			words = append(words, x.Message)
		}
	}
	if len(words) == 0 {
		return answer.Error.Message
	}
	return strings.Join(words, " ")
}
