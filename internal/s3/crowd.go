package s3

import (
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"

	"github.com/drover-hpc/drover/internal/admission"
)

// crowd has clients come back later when too many fetch at once: large objects
// hold their connections for long. Who is sent away is told so with S3's own
// error, which its clients know, and with the time, which iPXE and curl heed.
type crowd struct {
	connections *admission.Connections
	returns     *admission.Returns
}

// note is told of each connection.
func (c *crowd) note(_ net.Conn, is fasthttp.ConnState) {
	switch is {
	case fasthttp.StateNew:
		c.connections.Opened()
	case fasthttp.StateClosed, fasthttp.StateHijacked:
		c.connections.Closed()
	}
}

// use is a middleware.
func (c *crowd) use(ctx fiber.Ctx) error {
	if !c.connections.Crowded() {
		err := ctx.Next()
		c.returns.Answered()
		return err
	}
	ctx.RequestCtx().SetConnectionClose()
	return comeBack(ctx, c.returns.Next(), "More clients fetch at this moment than can be served; ask again later.")
}

// comeBack has a client ask again after a while, with S3's own error for that.
func comeBack(ctx fiber.Ctx, after time.Duration, why string) error {
	ctx.Set("Retry-After", strconv.Itoa(int(after/time.Second)))
	ctx.Set("Content-Type", "application/xml")
	return ctx.Status(http.StatusServiceUnavailable).SendString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<Error><Code>SlowDown</Code><Message>` + why + `</Message></Error>`)
}
