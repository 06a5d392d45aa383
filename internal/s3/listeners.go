package s3

import (
	"log/slog"
	"net"
	"net/http"

	"github.com/gofiber/fiber/v3"
)

// serveAlso has the library's server answer at further listeners, of which some may
// be nil; it closes them when it ends.
func (s *Server) serveAlso(list []net.Listener) {
	for _, l := range list {
		if l == nil {
			continue
		}
		s.also.Go(func() {
			if err := s.http.Serve(l); err != nil {
				slog.Error("listener of the object store failed", "address", l.Addr(), "error", err)
			}
		})
	}
}

// fetchesOnly answers at the listener what signed links fetch, and nothing else: a
// node has no business with the rest.
func fetchesOnly(at net.Addr) fiber.Handler {
	here, _ := at.(*net.TCPAddr)
	return func(c fiber.Ctx) error {
		local, is := c.RequestCtx().LocalAddr().(*net.TCPAddr)
		if here == nil || !is || local.Port != here.Port || !here.IP.IsUnspecified() && !local.IP.Equal(here.IP) {
			return c.Next()
		}
		reads := c.Method() == http.MethodGet || c.Method() == http.MethodHead
		if !reads || len(c.Request().URI().QueryArgs().Peek("X-Amz-Signature")) == 0 {
			return c.Status(http.StatusNotFound).SendString("nodes find nothing here but what the links fetch that they are given\n")
		}
		return c.Next()
	}
}
