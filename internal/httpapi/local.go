package httpapi

import (
	"bytes"
	"io"
	"net/http"
	"os"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/httpapi/carry"
)

// Local is a transport that hands requests to the handler in memory. The URL's
// host is ignored. The whole answer is held in memory: it is for the services'
// JSON, not for streams.
//
// What an operation answers is held as the value that it is: a Client copies it
// into its own variable as decoding its JSON would, anybody else reads JSON.
// Everything else is as on the network: the same routes, checks and errors.
// With DROVER_LOCAL_JSON=1 answers are JSON here, too.
func Local(handler http.Handler) http.RoundTripper {
	return local{handler, os.Getenv("DROVER_LOCAL_JSON") == "1"}
}

type local struct {
	handler http.Handler
	text    bool // answers are written at once
}

func (l local) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	in := req.Clone(req.Context())
	in.RequestURI = req.URL.RequestURI()
	in.RemoteAddr = "127.0.0.1:0"
	if in.Host == "" {
		in.Host = req.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := &recorder{header: http.Header{}, status: http.StatusOK, text: l.text}
	l.handler.ServeHTTP(w, in)
	in.Body.Close()
	length := int64(w.body.text.Len())
	if w.body.value != nil {
		length = -1
	}
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: &w.body, ContentLength: length, Request: req,
	}, nil
}

type recorder struct {
	header http.Header
	status int
	wrote  bool
	text   bool
	body   localBody
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if !w.wrote {
		w.status, w.wrote = status, true
	}
}

func (w *recorder) Write(p []byte) (int, error) {
	w.wrote = true
	if err := w.body.write(); err != nil {
		return 0, err
	}
	return w.body.text.Write(p)
}

// hold takes a whole body as a value, unless there is text already.
func (w *recorder) hold(value any) bool {
	if w.text || value == nil || w.body.value != nil || w.body.text.Len() > 0 {
		return false
	}
	w.wrote, w.body.value = true, value
	return true
}

// localBody is what an operation answered: a value until somebody reads it.
type localBody struct {
	text  bytes.Buffer
	value any
}

// write makes text of the value.
func (b *localBody) write() error {
	value := b.value
	b.value = nil
	if value == nil {
		return nil
	}
	return huma.DefaultJSONFormat.Marshal(&b.text, value)
}

func (b *localBody) Read(p []byte) (int, error) {
	if err := b.write(); err != nil {
		return 0, err
	}
	return b.text.Read(p)
}

func (b *localBody) Close() error { return nil }

// into puts the value into *out and tells whether it could; else it is still
// there to be read.
func (b *localBody) into(out any) bool { return b.value != nil && carry.Into(out, b.value) }

// jsonFormat is huma's, but that a value goes to a client in this process as
// it is, and that what is not as expected is said in the words of JSON.
var jsonFormat = huma.Format{
	Marshal: func(w io.Writer, value any) error {
		if r, is := w.(*recorder); is && r.hold(value) {
			return nil
		}
		return huma.DefaultJSONFormat.Marshal(w, value)
	},
	Unmarshal: func(text []byte, into any) error { return Mistyped(huma.DefaultJSONFormat.Unmarshal(text, into)) },
}
