package s3

import (
	"errors"
	"net"
	"reflect"
	"sync"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"
	"github.com/versity/versitygw/s3api"
)

// follow has the library's server tell of its connections, and read no form before it is
// known who sends it, and returns it. It is called before that serves. The library shows
// its server to requests only, so it is taken from where it stands; a release that has it
// elsewhere is an error.
func follow(api *s3api.S3ApiServer, notes ...func(net.Conn, fasthttp.ConnState)) (*fasthttp.Server, error) {
	field := reflect.ValueOf(api).Elem().FieldByName("app")
	if !field.IsValid() || field.Type() != reflect.TypeFor[*fiber.App]() || field.IsNil() {
		return nil, errors.New("this release of the object store's library does not keep its server where Drover looks for it")
	}
	server := (*fiber.App)(field.UnsafePointer()).Server()
	server.DisablePreParseMultipartForm, server.IdleTimeout = true, nextRequest
	server.ConnState = func(c net.Conn, is fasthttp.ConnState) {
		for _, note := range notes {
			note(c, is)
		}
	}
	return server, nil
}

const (
	// requestPatience is how long a connection may take to its first request, and any
	// request to come: its header, and as much of its body as the library reads before it
	// calls anybody; then as long again the rest of the body, unless that is an object's.
	requestPatience = 30 * time.Second
	// nextRequest is how long one is kept that nobody uses.
	nextRequest = 3 * time.Minute
)

// unused are the connections that have not had a request, or of whose next one only a part
// has come. The library takes them for busy from their first moment on, and a server that
// ends would wait for them as it waits for requests: clients open more than they come to use.
type unused struct {
	patience time.Duration
	mu       sync.Mutex
	conns    map[net.Conn]*time.Timer // each ends its connection
	over     bool                     // the server ends
}

// note is told of each connection.
func (u *unused) note(c net.Conn, is fasthttp.ConnState) {
	if is == fasthttp.StateIdle {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case is != fasthttp.StateNew && is != fasthttp.StateActive:
		u.forget(c)
	case u.over:
		finish(c)
	case u.conns[c] == nil: // or the first request begins, and its time goes on
		u.conns[c] = time.AfterFunc(u.patience, func() { u.end(c) })
	}
}

// end ends the connection if no request has come meanwhile.
func (u *unused) end(c net.Conn) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.conns[c] != nil {
		finish(c)
	}
}

// forget lets the connection go on. The caller holds mu.
func (u *unused) forget(c net.Conn) {
	if timer := u.conns[c]; timer != nil {
		timer.Stop()
	}
	delete(u.conns, c)
}

// use is the middleware before all others: the connection has a request.
func (u *unused) use(c fiber.Ctx) error {
	conn := c.RequestCtx().Conn()
	u.mu.Lock()
	u.forget(conn)
	u.mu.Unlock()
	return c.Next()
}

// close ends those that there are, and those that come.
func (u *unused) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.over = true
	for c, timer := range u.conns {
		timer.Stop()
		finish(c)
	}
}

// finish has the server see the client's end of the connection, and close it in
// silence; a connection that is closed under it would be an error in the log. It waits for
// nobody: a TLS connection is not closed here, which would wait until its client takes what
// it is sent.
func finish(c net.Conn) {
	if over, is := c.(interface{ NetConn() net.Conn }); is {
		c = over.NetConn()
		c.SetWriteDeadline(time.Unix(1, 0)) //nolint:errcheck // then it is closed already
	}
	if half, is := c.(interface{ CloseRead() error }); is {
		half.CloseRead() //nolint:errcheck // then it is closed already
		return
	}
	c.Close()
}
