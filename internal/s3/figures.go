package s3

import (
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v3"

	"github.com/drover-hpc/drover/internal/metrics/tally"
)

// figures count what the server answered.
type figures struct {
	running atomic.Int64
	answers tally.Answers
	took    *tally.Durations
	sent    atomic.Int64
}

// count is a middleware, before all others.
func (f *figures) count(c fiber.Ctx) error {
	began := time.Now()
	f.running.Add(1)
	defer f.running.Add(-1)
	err := c.Next()
	status := c.Response().StatusCode()
	var failed *fiber.Error
	switch {
	case errors.As(err, &failed):
		status = failed.Code
	case err != nil:
		status = http.StatusInternalServerError
	}
	f.answers.Add(status)
	f.took.Took(time.Since(began))
	if c.Request().Header.IsGet() {
		f.sent.Add(int64(max(c.Response().Header.ContentLength(), 0)))
	}
	return err
}

// Running are the requests that are being answered now, Answers those that were, by
// class, Took how long it took until an answer began, and Sent how many bytes of
// objects those have that were answered, as announced.
func (s *Server) Running() int64          { return s.figures.running.Load() }
func (s *Server) Answers() *tally.Answers { return &s.figures.answers }
func (s *Server) Took() *tally.Durations  { return s.figures.took }
func (s *Server) Sent() int64             { return s.figures.sent.Load() }

// Connections are those that are open now.
func (s *Server) Connections() int64 { return s.crowd.connections.Open() }
