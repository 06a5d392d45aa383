package s3

import (
	"bytes"
	"crypto/subtle"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3api/utils"
)

// fetches answers GET and HEAD of objects by plain links, which is what nodes
// send when they boot. It says what the library said when it was asked for the
// same state of the object first. All that it would have to refuse, and all
// that is not plain, is left for the library to answer.
type fetches struct {
	keys keyring
	// access is the key that links are signed for.
	access string
	dir    string // absolute
	held   held
	now    func() time.Time

	answered atomic.Int64 // without the library
}

func newFetches(c Credentials, dir string, now func() time.Time) *fetches {
	return &fetches{keys: keyring{secret: c.SecretKey}, access: c.AccessKey, dir: dir, now: now}
}

// serve is the middleware.
func (f *fetches) serve(c fiber.Ctx) error {
	request := c.Request()
	path, query := request.URI().PathOriginal(), request.URI().QueryString()
	if !bytes.HasPrefix(query, []byte(linkStart)) || !isPlain(&request.Header) || !isEscaped(path, true) {
		return c.Next()
	}
	var scope [64]byte
	link, ok := readPlainLink(query, scope[:])
	if !ok || string(link.access) != f.access {
		return c.Next()
	}
	o := f.held.get(path)
	if o == nil {
		return f.learn(c, string(path))
	}
	if !link.goodAt(f.now()) || !f.verify(&link, request.Header.Method(), path, request.Header.Host()) {
		return c.Next()
	}
	answered, current := f.answer(c, o)
	if !current {
		f.held.forget(path, o)
		return f.learn(c, string(path))
	}
	if !answered {
		return c.Next()
	}
	if bytes.IndexByte(path, '%') >= 0 {
		c.Path(o.path) // as the library leaves it for whoever looks behind it
	}
	f.answered.Add(1)
	return nil
}

// notPlain begin the names of fields on which an answer may depend, by their
// first letter. Fetches have no body.
var notPlain = [256][]string{'x': {"x-amz-"}, 'i': {"if-"}, 'a': {"authorization", "access-control-"}, 'o': {"origin"}, 'c': {"content-"},
	't': {"transfer-encoding", "trailer"}, 'e': {"expect"}}

// isPlain tells whether the library's answer to a fetch would depend on nothing
// in the header but the range.
func isPlain(h *fasthttp.RequestHeader) bool {
	if !h.IsGet() && !h.IsHead() || bytes.IndexByte(h.Host(), ' ') >= 0 {
		return false
	}
	for name := range h.All() {
		if len(name) == 0 {
			return false
		}
		for _, prefix := range notPlain[name[0]|0x20] {
			if hasFold(name, prefix) {
				return false
			}
		}
	}
	return true
}

func hasFold(name []byte, prefix string) bool {
	return len(name) >= len(prefix) && strings.EqualFold(string(name[:len(prefix)]), prefix)
}

// verify compares the link's signature with the one that it must have.
func (f *fetches) verify(l *plainLink, method, path, host []byte) bool {
	desk := f.keys.of(l.day, l.region)
	s := desk.take()
	defer desk.give(s)
	s.text = l.appendCanonical(s.text[:0], method, path, host)
	return subtle.ConstantTimeCompare(s.sign(l.date, l.scope), l.signature) == 1
}

// answer answers with what is held. current is false if the object is not what
// is there any more, answered if the library has to say what is wrong.
func (f *fetches) answer(c fiber.Ctx, o *heldObject) (answered, current bool) {
	request, response := c.Request(), c.Response()
	asked := request.Header.Peek(fiber.HeaderRange)
	start, length, part := int64(0), o.is.size, false
	if len(asked) > 0 {
		var err error
		if start, length, part, err = backend.ParseObjectRange(o.is.size, string(asked)); err != nil {
			return false, true
		}
	}
	switch {
	case o.body != nil || request.Header.IsHead():
		if is, ok := identify(o.file); !ok || is != o.is {
			return false, false
		}
		if request.Header.IsHead() {
			response.SkipBody = true
		} else {
			response.SetBodyRaw(o.body[start : start+length])
		}
	default:
		body, current := openPart(o, start, length)
		if !current {
			return false, false
		}
		c.RequestCtx().SetBodyStream(body, int(length))
	}
	header := &response.Header
	header.DisableNormalizing()
	for _, h := range o.header {
		header.AddBytesKV(h.name, h.value)
	}
	header.SetContentLength(int(length))
	if part {
		c.Status(http.StatusPartialContent)
		header.Set("Content-Range", "bytes "+strconv.FormatInt(start, 10)+"-"+strconv.FormatInt(start+length-1, 10)+"/"+strconv.FormatInt(o.is.size, 10))
	}
	return true, true
}

// learn has the library answer and keeps what it says of the object at the
// path, if that is there and has not changed meanwhile.
func (f *fetches) learn(c fiber.Ctx, path string) error {
	plain, file := f.file(path)
	if file == "" || !c.Request().Header.IsGet() {
		return c.Next()
	}
	before, ok := identify(file)
	settled := ok && before.settled(time.Now())
	if err := c.Next(); err != nil || !settled {
		return err
	}
	header := &c.Response().Header
	if status := header.StatusCode(); status != http.StatusOK && status != http.StatusPartialContent {
		return nil
	}
	if !saysOf(header, before) {
		return nil
	}
	o := &heldObject{path: plain, file: file, is: before, header: aboutObject(header)}
	if o.load() {
		f.held.put(path, o)
	}
	return nil
}

// saysOf tells whether an answer is about the file of the identity.
func saysOf(h *fasthttp.ResponseHeader, is identity) bool {
	size := string(h.Peek(fiber.HeaderContentLength))
	if h.StatusCode() == http.StatusPartialContent {
		_, size, _ = strings.Cut(string(h.Peek(fiber.HeaderContentRange)), "/")
	}
	modified := time.Unix(0, int64(is.modified)).UTC().Format(http.TimeFormat)
	return size == strconv.FormatInt(is.size, 10) && string(h.Peek(fiber.HeaderLastModified)) == modified
}

// aboutObject is what an answer says of the object: all but what it says of
// itself.
func aboutObject(h *fasthttp.ResponseHeader) (out []headerField) {
	for name, value := range h.All() {
		switch strings.ToLower(string(name)) {
		case "content-length", "content-range", "date", "server", "connection", "x-amz-request-id", "x-amz-id-2":
			continue
		}
		out = append(out, headerField{bytes.Clone(name), bytes.Clone(value)})
	}
	return out
}

// load reads a small object. It is false if the file is not the one that is
// held.
func (o *heldObject) load() bool {
	if o.is.size > heldBody {
		is, ok := identify(o.file)
		return ok && is == o.is
	}
	f, err := os.Open(o.file)
	if err != nil {
		return false
	}
	defer f.Close()
	body := make([]byte, o.is.size)
	if _, err := io.ReadFull(f, body); err != nil {
		return false
	}
	is, ok := identifyFile(f)
	o.body = body
	return ok && is == o.is
}

// file is where the object with the path of a URL is kept, empty if nowhere,
// and plain the path without escapes.
func (f *fetches) file(path string) (plain, file string) {
	plain, err := url.PathUnescape(path)
	if err != nil {
		return "", ""
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(plain, "/"), "/")
	if key == "" || strings.HasSuffix(key, "/") || unfit(key) != "" || !utils.IsValidBucketName(bucket) || !utils.IsObjectNameValid(key) {
		return plain, ""
	}
	return plain, filepath.Join(f.dir, bucket, key)
}
