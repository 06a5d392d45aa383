package pod

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/drover-hpc/drover/internal/job"
)

// ReportFile is the file of the job's directory that has its Report.
const ReportFile = "report.json"

// Report is where the records of a job go.
type Report struct {
	// URL is that of the job's files; a file's name is put behind it.
	URL   string `json:"url"`
	Token string `json:"token"` // proves that it is the job that reports
}

// OffsetHeader tells how much the server has of a file that grows, where the
// offset of a request was another.
const OffsetHeader = "Drover-Offset"

// part is the most of a file that goes into one request.
const part = 1 << 20

// Pauses of the courier: between looks at the files, and at first and at most
// after a call that failed.
const (
	lookEvery    = time.Second
	firstPause   = 500 * time.Millisecond
	longestPause = 10 * time.Second
)

// courier brings what a step records to the server.
type courier struct {
	plan   Plan
	report Report
	sent   map[string]int64  // of files that grow
	told   map[string]string // of the others; absent: the server has none
}

// start begins. finish brings the last and returns, at the latest after the
// plan's patience; what did not get through is told.
func (c *courier) start(out io.Writer) (finish func()) {
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		pause := lookEvery
		for {
			if err := c.bring(ctx); err != nil {
				pause = min(2*pause, longestPause)
			} else {
				pause = lookEvery
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
		}
	}()
	return func() {
		cancel()
		<-over
		ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(c.plan.Patience, 5*time.Minute))
		defer cancel()
		if err := c.last(ctx); err != nil {
			fmt.Fprintf(out, "not all records of step %s reached the server: %v\n", c.plan.Step, err)
		}
	}
}

// last brings all there is, again and again until ctx ends.
func (c *courier) last(ctx context.Context) error {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := c.bring(ctx)
		if err == nil || errors.Is(err, errRefused) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// errRefused is an answer that asking again does not change.
var errRefused = errors.New("the server refuses them")

// bring sends what the server does not have.
func (c *courier) bring(ctx context.Context) error {
	for _, name := range c.plan.Grown {
		if err := c.grown(ctx, name); err != nil {
			return err
		}
	}
	for _, name := range c.plan.Replaced {
		if err := c.replaced(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// grown sends what was appended to the file.
func (c *courier) grown(ctx context.Context, name string) error {
	f, err := os.Open(c.plan.Dir.Path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	buf := make([]byte, part)
	for {
		n, err := f.ReadAt(buf, c.sent[name])
		if n == 0 {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		at, err := c.send(ctx, http.MethodPatch, name, buf[:n], c.sent[name])
		if err != nil {
			return err
		}
		c.sent[name] = at
	}
}

// replaced sends the file if it is another than the server has.
func (c *courier) replaced(ctx context.Context, name string) error {
	text, err := os.ReadFile(c.plan.Dir.Path(name))
	told, has := c.told[name]
	switch {
	case errors.Is(err, fs.ErrNotExist) && !has, err == nil && has && told == string(text):
		return nil
	case errors.Is(err, fs.ErrNotExist):
		if _, err := c.send(ctx, http.MethodDelete, name, nil, 0); err != nil {
			return err
		}
		delete(c.told, name)
		return nil
	case err != nil:
		return err
	}
	if _, err := c.send(ctx, http.MethodPut, name, text, 0); err != nil {
		return err
	}
	c.told[name] = string(text)
	return nil
}

// send makes the call and returns how much of the file the server has then.
func (c *courier) send(ctx context.Context, method, name string, body []byte, offset int64) (int64, error) {
	at := c.report.URL + name + "?offset=" + strconv.FormatInt(offset, 10)
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, at, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+c.report.Token)
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := cmp.Or(c.plan.Client, http.DefaultClient).Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 2000))
	switch {
	case resp.StatusCode == http.StatusConflict:
		return strconv.ParseInt(resp.Header.Get(OffsetHeader), 10, 64)
	case resp.StatusCode < 300:
		return offset + int64(len(body)), nil
	case resp.StatusCode < 500 && resp.StatusCode != http.StatusRequestTimeout && resp.StatusCode != http.StatusTooManyRequests:
		return 0, fmt.Errorf("%w: %s %s: %s: %s", errRefused, method, at, resp.Status, job.Clean(string(text)))
	}
	return 0, fmt.Errorf("%s %s: %s: %s", method, at, resp.Status, job.Clean(string(text)))
}
