package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	service "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/traces"
)

// Path is where collectors take spans, below their address.
const Path = "/v1/traces"

// At is the URL to which spans go, of a collector's address or of the URL itself.
func At(endpoint string) string {
	return strings.TrimSuffix(strings.TrimRight(endpoint, "/"), Path) + Path
}

const (
	// maxWait bounds a request, maxAnswer how much of its answer is read, maxWords how much
	// of that is told.
	maxWait   = 15 * time.Second
	maxAnswer = 64 << 10
	maxWords  = 300
)

// Client is of one collector.
type Client struct {
	// URL is where spans go; see At.
	URL string
	// Headers are sent besides, of each request anew; nil is none.
	Headers func() (http.Header, error)
	// Transport carries requests; Version is that of the program.
	Transport http.RoundTripper
	Version   string
}

// Send has the collector take the spans. A fault.Invalid is that it never will; anything
// else may pass.
func (c *Client) Send(ctx context.Context, spans []traces.Span) error {
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	body, err := packed(c.request(spans))
	if err != nil {
		return fault.New(fault.Invalid, "spans cannot be written: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if c.Headers != nil {
		if r.Header, err = c.Headers(); err != nil {
			return fmt.Errorf("headers for the collector: %w", err)
		}
	}
	r.Header.Set("Content-Type", "application/x-protobuf")
	r.Header.Set("Content-Encoding", "gzip")
	r.Header.Set("User-Agent", "drover/"+c.Version)
	resp, err := (&http.Client{Transport: c.Transport, CheckRedirect: stay}).Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	return judge(resp.StatusCode, answer)
}

// stay follows nobody: what a request carries is for the collector that was named.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func packed(m proto.Message) ([]byte, error) {
	data, err := proto.Marshal(m)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(data); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// judge says what an answer means.
func judge(status int, answer []byte) error {
	switch {
	case status/100 == 2:
		var said service.ExportTraceServiceResponse
		if proto.Unmarshal(answer, &said) == nil && said.GetPartialSuccess().GetRejectedSpans() > 0 {
			return fault.New(fault.Invalid, "the collector rejected %d spans: %s", said.PartialSuccess.RejectedSpans, said.PartialSuccess.ErrorMessage)
		}
		return nil
	case status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge || status == http.StatusUnprocessableEntity:
		return fault.New(fault.Invalid, "the collector answered %d %s%s", status, http.StatusText(status), words(answer))
	}
	return fmt.Errorf("the collector answered %d %s%s", status, http.StatusText(status), words(answer))
}

// words are what of an answer can be told.
func words(answer []byte) string {
	text := strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == '\uFFFD' {
			return ' '
		}
		return r
	}, string(answer[:min(len(answer), maxWords)])))
	if text == "" {
		return ""
	}
	return ": " + text
}
