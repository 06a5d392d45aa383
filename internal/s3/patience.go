package s3

import (
	"net/http"
	"time"

	"github.com/gofiber/fiber/v3"
)

const (
	// answerPatience is how long a client may take to take an answer, and a second more
	// for each slowestAnswer bytes of it.
	answerPatience = 5 * time.Minute
	slowestAnswer  = 16 << 10
)

// patience is how long the body of a request may take that is no object's content: those
// are read before it is known who sends them.
type patience time.Duration

// bound is a middleware. It ends connections too of whose chunked body a part may be left:
// the library would take that for the next request.
func (p patience) bound(c fiber.Ctx) error {
	conn, has := c.RequestCtx().Conn(), c.Request().BodyStream() != nil
	order := has && !isContent(c)
	if order {
		conn.SetReadDeadline(time.Now().Add(time.Duration(p))) //nolint:errcheck // then it is closed already
	}
	err := c.Next()
	if order {
		conn.SetReadDeadline(time.Time{}) //nolint:errcheck // as above
	}
	answer := c.Response()
	if has && c.Request().Header.ContentLength() == chunked && (err != nil || answer.StatusCode() >= http.StatusBadRequest) {
		c.RequestCtx().SetConnectionClose()
	}
	takes := time.Duration(max(answer.Header.ContentLength(), 0)/slowestAnswer) * time.Second
	conn.SetWriteDeadline(time.Now().Add(answerPatience + takes)) //nolint:errcheck // as above
	return err
}
