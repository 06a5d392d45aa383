package sim

import (
	"context"
	"crypto/md5" //nolint:gosec // S3's ETag is an MD5
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/node"
)

var plainMD5 = regexp.MustCompile(`^[0-9a-f]{32}$`)

// fetchArtifact downloads and throws away, checking that all came that was
// announced and that it is what the ETag says. The ETag of an object that was
// uploaded in parts says nothing about the content.
func fetchArtifact(ctx context.Context, client *http.Client, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if after := node.RetryAfter(resp); after > 0 {
		return &busyError{withoutQuery(address), after}
	}
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 512))
		return fmt.Errorf("%s answered %s: %s", withoutQuery(address), resp.Status, strings.TrimSpace(string(text)))
	}
	sum := md5.New() //nolint:gosec // see above
	size, err := io.Copy(sum, resp.Body)
	if err != nil {
		return fmt.Errorf("%s broke off after %d bytes: %w", withoutQuery(address), size, err)
	}
	if resp.ContentLength >= 0 && size != resp.ContentLength {
		return fmt.Errorf("%s has %d bytes instead of %d", withoutQuery(address), size, resp.ContentLength)
	}
	etag := strings.Trim(strings.TrimPrefix(resp.Header.Get("ETag"), "W/"), `"`)
	if got := hex.EncodeToString(sum.Sum(nil)); plainMD5.MatchString(etag) && etag != got {
		return fmt.Errorf("%s is damaged: its MD5 is %s, its ETag %s", withoutQuery(address), got, etag)
	}
	return nil
}

// withoutQuery drops the signature of a presigned URL.
func withoutQuery(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	u.RawQuery = ""
	return u.String()
}

// shareFor is how long a download stands for those of other nodes.
const shareFor = 30 * time.Second

// artifacts shares downloads between nodes.
type artifacts struct {
	now     func() time.Time
	mu      sync.Mutex
	fetched map[string]*download
}

type download struct {
	done chan struct{}
	at   time.Time
	err  error
}

// fetch returns the result of the last good download of the same object, or
// of the one that runs, or of its own.
func (a *artifacts) fetch(ctx context.Context, client *http.Client, address string) error {
	key := withoutQuery(address)
	a.mu.Lock()
	d := a.fetched[key]
	if d == nil || d.finished() && (d.err != nil || a.now().Sub(d.at) > shareFor) {
		d = &download{done: make(chan struct{}), at: a.now()}
		if a.fetched == nil {
			a.fetched = map[string]*download{}
		}
		a.fetched[key] = d
		a.mu.Unlock()
		d.err = fetchArtifact(ctx, client, address)
		close(d.done)
		return d.err
	}
	a.mu.Unlock()
	select {
	case <-d.done:
		return d.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *download) finished() bool {
	select {
	case <-d.done:
		return true
	default:
		return false
	}
}
