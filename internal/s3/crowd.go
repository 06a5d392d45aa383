package s3

import (
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"

	"github.com/drover-hpc/drover/internal/admission"
)

// crowd has clients come back later when too many fetch at once, or one address has too
// many connections: large objects hold theirs for long. Who is sent away is told so with
// S3's own error, which its clients know, and with the time, which iPXE and curl heed.
type crowd struct {
	connections *admission.Connections
	returns     *admission.Returns
	peers       *admission.Peers // nil: addresses are not counted

	mu     sync.Mutex
	places map[net.Conn]*admission.Place
}

func newCrowd(most int, peers *admission.Peers) *crowd {
	return &crowd{connections: admission.NewConnections(most), returns: admission.NewReturns(time.Now), peers: peers, places: map[net.Conn]*admission.Place{}}
}

// note is told of each connection.
func (c *crowd) note(conn net.Conn, is fasthttp.ConnState) {
	switch is {
	case fasthttp.StateNew:
		c.connections.Opened()
		c.seat(conn)
	case fasthttp.StateClosed, fasthttp.StateHijacked:
		c.connections.Closed()
		c.mu.Lock()
		place := c.places[conn]
		delete(c.places, conn)
		c.mu.Unlock()
		place.Leave()
	}
}

// seat gives the connection its address's place, or closes it.
func (c *crowd) seat(conn net.Conn) {
	from, is := conn.RemoteAddr().(*net.TCPAddr)
	if c.peers == nil || !is {
		return
	}
	addr := from.AddrPort().Addr()
	place, ok := c.peers.Take(addr)
	if (!ok || place != nil && place.Excess) && c.peers.Tell(addr) {
		slog.Info("an address has more connections open at the object store than one may have (client-connections): further ones are refused",
			"from", addr.Unmap(), "allowed", c.peers.Most())
	}
	switch {
	case !ok: // it would not read that it may not
		finish(conn)
	case place != nil:
		c.mu.Lock()
		c.places[conn] = place
		c.mu.Unlock()
	}
}

func (c *crowd) placeOf(conn net.Conn) *admission.Place {
	if c.peers == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.places[conn]
}

// use is a middleware.
func (c *crowd) use(ctx fiber.Ctx) error {
	place := c.placeOf(ctx.RequestCtx().Conn())
	excess := place != nil && place.Excess
	if !excess && !c.connections.Crowded() {
		err := ctx.Next()
		if place.Crowded() {
			ctx.RequestCtx().SetConnectionClose()
		}
		c.returns.Answered()
		return err
	}
	ctx.RequestCtx().SetConnectionClose()
	if excess {
		return comeBack(ctx, excessReturn, "This address has as many connections open as one may have; close some, or ask again later.")
	}
	return comeBack(ctx, c.returns.Next(), "More clients fetch at this moment than can be served; ask again later.")
}

// excessReturn is when a client is to come back whose address has too many connections.
const excessReturn = 5 * time.Second

// comeBack has a client ask again after a while, with S3's own error for that.
func comeBack(ctx fiber.Ctx, after time.Duration, why string) error {
	ctx.Set("Retry-After", strconv.Itoa(int(after/time.Second)))
	ctx.Set("Content-Type", "application/xml")
	return ctx.Status(http.StatusServiceUnavailable).SendString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<Error><Code>SlowDown</Code><Message>` + why + `</Message></Error>`)
}
