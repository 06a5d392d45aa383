package s3

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
	"github.com/versity/versitygw/s3api"
	"github.com/versity/versitygw/s3api/controllers"

	"github.com/drover-hpc/drover/internal/admission"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/metrics/tally"
	"github.com/drover-hpc/drover/internal/xname"
)

// NodeParameter is the query parameter of a presigned URL that names the node
// it was made for.
const NodeParameter = "x-drover-node"

// ServerConfig is what the embedded server needs.
type ServerConfig struct {
	// Dir holds the objects, a directory per bucket. The server changes the
	// process's working directory to it: every other path must be absolute.
	Dir string
	// Listen is host:port; port 0 chooses a free one.
	Listen      string
	Credentials Credentials
	Journal     *journal.Journal
	// Also are listeners that lead to the same, such as one with TLS. From Fetches
	// nothing is answered but what signed links fetch. The server closes them.
	Also    []net.Listener
	Fetches net.Listener
	// Connections is how many there may be; beyond three quarters of them clients
	// are told to come back. 0 is admission.PerListener.
	Connections int
	// Peers bounds how many an address may have; nil: nothing does.
	Peers *admission.Peers
	// Patience is how long a request may take to come, but for an object's content; 0 is
	// half a minute.
	Patience time.Duration
	// Written is told of each write before it is answered; nil: nobody is. An error of
	// it is a 503.
	Written func(context.Context, Write) error
	// Now is the time by which sessions end; nil: time.Now.
	Now func() time.Time
}

// Server is an embedded S3 service. One process can run one.
type Server struct {
	endpoint string
	cancel   context.CancelFunc
	done     chan struct{}
	err      error
	fetches  *fetches // nil: the library answers all
	unused   unused
	crowd    *crowd
	figures  figures
	http     *fasthttp.Server // the library's
	also     sync.WaitGroup   // those that it serves besides
}

// StartServer starts the server and returns when it answers.
func StartServer(ctx context.Context, c ServerConfig) (*Server, error) {
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("start S3: %w", err)
	}
	be, err := newBackend(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("start S3 on %s: %w", c.Dir, err)
	}
	listen, err := resolvePort(c.Listen)
	if err != nil {
		return nil, fmt.Errorf("start S3 on %s: %w", c.Listen, err)
	}
	ready := make(chan struct{})
	var unfollowed error // it and s.http are set before ready is closed
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &Server{endpoint: "http://" + listen, cancel: cancel, done: make(chan struct{}), unused: unused{patience: cmp.Or(c.Patience, requestPatience), conns: map[net.Conn]*time.Timer{}}}
	most := cmp.Or(c.Connections, admission.PerListener())
	s.crowd = newCrowd(most, c.Peers)
	s.figures.took = tally.NewDurations(tally.Quick)
	var api *s3api.S3ApiServer
	if be.inFiles() {
		s.fetches = newFetches(c.Credentials, be.dir, time.Now)
	}
	options := []s3api.Option{func(made *s3api.S3ApiServer) { api = made },
		s3api.WithOnListen(func() {
			s.http, unfollowed = follow(api, s.unused.note, s.crowd.note)
			close(ready)
		})}
	for _, m := range s.middleware(&c) {
		options = append(options, s3api.WithMiddleware("/", m))
	}
	go func() {
		defer close(s.done)
		s.err = embedgw.RunVersityGW(ctx, be, &embedgw.Config{
			RootUserAccess: c.Credentials.AccessKey, RootUserSecret: c.Credentials.SecretKey,
			// What the gateway takes by itself when none is given, after a line about it on standard output.
			IAMService: auth.NewIAMServiceSingle(auth.Account{Access: c.Credentials.AccessKey, Secret: c.Credentials.SecretKey, Role: auth.RoleAdmin}),
			Ports:      []string{listen}, MaxConnections: most, MaxRequests: most, MultipartMaxParts: 10000,
			Quiet: true, KeepAlive: true, DisableACLs: true,
			S3Options: options,
		})
	}()
	select {
	case <-ready:
		if unfollowed != nil {
			s.Stop()
			return nil, fmt.Errorf("start S3 on %s: %w", listen, unfollowed)
		}
		s.serveAlso(append(c.Also, c.Fetches))
		return s, nil
	case <-s.done:
		cancel()
		return nil, fmt.Errorf("start S3 on %s: %w", listen, s.err)
	}
}

// middleware is what each request goes through before the library, in this order.
func (s *Server) middleware(c *ServerConfig) []fiber.Handler {
	list := []fiber.Handler{s.figures.count, s.unused.use, patience(s.unused.patience).bound, s.crowd.use}
	if c.Fetches != nil {
		list = append(list, fetchesOnly(c.Fetches.Addr()))
	}
	list = append(list, recordFetches(c.Journal))
	if c.Written != nil {
		list = append(list, recordWrites(c.Written))
	}
	list = append(list, controllers.WrapMiddleware(boundOrders, nil, nil))
	if s.fetches != nil {
		list = append(list, s.fetches.serve)
	}
	signed := c.signatures()
	return append(list, signed.tokenService, controllers.WrapMiddleware(signed.check, nil, nil))
}

func (c *ServerConfig) signatures() signatures {
	now := c.Now
	if now == nil {
		now = time.Now
	}
	return signatures{c.Credentials, NewSessions(c.Credentials, now), now}
}

// Endpoint is the server's URL.
func (s *Server) Endpoint() string { return s.endpoint }

// Stop ends the server and waits for it: until no request runs any more, for ten
// seconds at most. Connections without one are closed at once.
func (s *Server) Stop() {
	s.unused.close()
	s.cancel()
	<-s.done
	s.also.Wait()
}

// newBackend keeps object metadata in extended attributes, or beside the
// objects where the file system has none.
func newBackend(dir string) (be objects, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return be, err
	}
	opts := posix.PosixOpts{CopyObjectThreshold: 5 << 30}
	var store meta.MetadataStorer = meta.XattrMeta{}
	if (meta.XattrMeta{}).Test(dir) != nil {
		side := filepath.Clean(dir) + "-metadata"
		if err := os.MkdirAll(side, 0o755); err != nil {
			return be, err
		}
		sidecar, err := meta.NewSideCar(side)
		if err != nil {
			return be, err
		}
		store, opts.SideCarDir = sidecar, side
	}
	files, err := posix.New(dir, store, opts)
	if err != nil {
		return be, err
	}
	return objects{Backend: files, attributes: store, dir: dir}, nil
}

// resolvePort replaces port 0 by a free one. Another process may take it
// before the server does; then StartServer fails and says so.
func resolvePort(listen string) (string, error) {
	if !strings.HasSuffix(listen, ":0") {
		return listen, nil
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// recordFetches writes who fetched which object into the journal. The name is
// what the link says, whether or not its signature holds: a node whose link has
// expired is to be seen too.
func recordFetches(j *journal.Journal) fiber.Handler {
	return func(c fiber.Ctx) error {
		err := c.Next()
		node := fetchedBy(c)
		if j == nil || node == "" {
			return err
		}
		status := c.Response().StatusCode()
		e := journal.Entry{Node: strings.Clone(node), Source: "s3", Kind: "artifact", Failed: status >= 400,
			Text: "fetched s3:/" + c.Path() + " (" + strconv.Itoa(max(c.Response().Header.ContentLength(), 0)) + " bytes)"}
		if e.Failed {
			e.Text = fmt.Sprintf("could not fetch s3:/%s: %d %s", c.Path(), status, http.StatusText(status))
		}
		j.Note(e)
		return err
	}
}

// fetchedBy is the node that a fetch says it is of; empty: of none.
func fetchedBy(c fiber.Ctx) string {
	node := c.Query(NodeParameter)
	if c.Method() != http.MethodGet || !xname.IsNode(node) {
		return ""
	}
	return node
}
