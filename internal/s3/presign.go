package s3

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7/pkg/s3utils"
)

// presigner makes links of version 4. All that the links to an object have in
// common is made once for all nodes, and again when the window is over: links
// are signed at the beginning of windows, of which a link's life has
// presignWindows, so that within one the same node gets the same link.
type presigner struct {
	access string
	token  string // of a session
	keys   keyring
	now    func() time.Time

	mu    sync.RWMutex
	forms map[linkOf]*linkForm
}

const (
	presignWindows = 24
	// maxForms bounds the forms that are kept; when there are more all are
	// forgotten.
	maxForms = 4096
)

type linkOf struct {
	object string
	ttl    time.Duration
}

// linkForm is a link in which but the node and the signature are missing.
type linkForm struct {
	at      time.Time // the beginning of its window
	address string    // of the object
	query   string    // up to the node's name
	// What is signed is before, the query, the node and behind.
	before, behind string
	date, scope    []byte
	desk           *signingDesk
}

// Presign returns a URL by which the node can GET the object: until ttl is
// over, less at most a 24th of it. The journal of the embedded server tells by
// it who fetched the object.
func (c *Client) Presign(ctx context.Context, name, node string, ttl time.Duration) (string, error) {
	p := &c.presigner
	at := p.now().UTC().Truncate(ttl / presignWindows).Truncate(time.Second)
	of := linkOf{name, ttl}
	p.mu.RLock()
	form := p.forms[of]
	p.mu.RUnlock()
	if form == nil || !form.at.Equal(at) {
		var err error
		if form, err = c.form(ctx, of, at); err != nil {
			return "", wrap("presign "+name, err)
		}
		p.mu.Lock()
		if p.forms == nil || len(p.forms) >= maxForms {
			p.forms = map[linkOf]*linkForm{}
		}
		p.forms[of] = form
		p.mu.Unlock()
	}
	return form.link(node), nil
}

// form makes the form of the links to the object.
func (c *Client) form(ctx context.Context, of linkOf, at time.Time) (*linkForm, error) {
	u, err := ParseURL(of.object)
	if err != nil {
		return nil, err
	}
	// The library knows what the address of an object is.
	example, err := c.api.PresignedGetObject(ctx, u.Bucket, u.Key, of.ttl, nil)
	if err != nil {
		return nil, err
	}
	date, scope := at.Format(amzDate), at.Format("20060102")+"/"+region+"/s3/aws4_request"
	query := linkStart + "X-Amz-Credential=" + escapeValue(c.presigner.access+"/"+scope) + "&X-Amz-Date=" + date +
		"&X-Amz-Expires=" + strconv.FormatInt(int64(of.ttl/time.Second), 10)
	if c.presigner.token != "" {
		query += "&" + securityToken + "=" + escapeValue(c.presigner.token)
	}
	query += "&X-Amz-SignedHeaders=host&" + NodeParameter + "="
	return &linkForm{at: at, address: example.Scheme + "://" + example.Host + example.EscapedPath() + "?", query: query,
		before: "GET\n" + s3utils.EncodePath(example.Path) + "\n", behind: "\nhost:" + example.Host + "\n\nhost\n" + unsigned,
		date: []byte(date), scope: []byte(scope), desk: c.presigner.keys.of([]byte(date[:8]), []byte(region))}, nil
}

// link is the link for the node.
func (f *linkForm) link(node string) string {
	node = escapeValue(node)
	s := f.desk.take()
	defer f.desk.give(s)
	s.text = append(s.text[:0], f.before...)
	s.text = append(s.text, f.query...)
	s.text = append(s.text, node...)
	s.text = append(s.text, f.behind...)
	signature := s.sign(f.date, f.scope)
	const last = "&X-Amz-Signature="
	var b strings.Builder
	b.Grow(len(f.address) + len(f.query) + len(node) + len(last) + len(signature))
	for _, part := range []string{f.address, f.query, node, last} {
		b.WriteString(part)
	}
	b.Write(signature)
	return b.String()
}

// escapeValue writes a value as S3 escapes it in a query.
func escapeValue(s string) string {
	for i := 0; i < len(s); i++ {
		if !isUnreserved(s[i]) {
			return strings.ReplaceAll(escapeKey(s), "/", "%2F")
		}
	}
	return s
}
