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
// It is nodes that come in crowds, and they fetch by link: who signs in the header, such
// as this server's own services, is not sent away for their number.
type crowd struct {
	connections *admission.Connections
	returns     *admission.Returns
	peers       *admission.Peers // nil: addresses are not counted

	mu    sync.Mutex
	seats map[net.Conn]seat
}

// seat is what a connection that counts for its address has.
type seat struct {
	place  *admission.Place
	excess bool // what it asks is not answered
}

func newCrowd(most int, peers *admission.Peers) *crowd {
	return &crowd{connections: admission.NewConnections(most), returns: admission.NewReturns(time.Now), peers: peers, seats: map[net.Conn]seat{}}
}

// note is told of each connection.
func (c *crowd) note(conn net.Conn, is fasthttp.ConnState) {
	switch is {
	case fasthttp.StateNew:
		c.connections.Opened()
		c.take(conn)
	case fasthttp.StateClosed, fasthttp.StateHijacked:
		c.connections.Closed()
		c.mu.Lock()
		place := c.seats[conn].place
		delete(c.seats, conn)
		c.mu.Unlock()
		place.Leave()
	}
}

// take gives the connection a place of its address's, or closes it.
func (c *crowd) take(conn net.Conn) {
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
	if ok && place == nil {
		return
	}
	c.mu.Lock()
	c.seats[conn] = seat{place, !ok || place.Excess}
	c.mu.Unlock()
	if !ok {
		finish(conn) // but what it has sent already is read
	}
}

func (c *crowd) seatOf(conn net.Conn) seat {
	if c.peers == nil {
		return seat{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seats[conn]
}

// use is a middleware.
func (c *crowd) use(ctx fiber.Ctx) error {
	has := c.seatOf(ctx.RequestCtx().Conn())
	byLink := len(ctx.Request().Header.Peek(fiber.HeaderAuthorization)) == 0
	if !has.excess && !(byLink && c.connections.Crowded()) {
		err := ctx.Next()
		if has.place.Crowded() {
			ctx.RequestCtx().SetConnectionClose()
		}
		c.returns.Answered()
		return err
	}
	ctx.RequestCtx().SetConnectionClose()
	if has.excess {
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
