package cfs

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/drover-hpc/drover/internal/httpapi"
)

// Sessions returns the sessions of one page, at most limit after the one with
// the name, and whether there are more.
func (c *Client) Sessions(ctx context.Context, after string, limit int) ([]Session, bool, error) {
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	if after != "" {
		q.Set("after_id", after)
	}
	var page struct {
		Sessions []Session
		Next     *sessionsNext
	}
	_, err := c.http.Do(ctx, http.MethodGet, "/v3/sessions", q, nil, &page)
	return page.Sessions, page.Next != nil, err
}

// Results returns a page of the session's results.
func (c *Client) Results(ctx context.Context, session string, f ResultFilter, after int64, limit int) (ResultPage, error) {
	q := url.Values{"after_id": {strconv.FormatInt(after, 10)}, "limit": {strconv.Itoa(limit)}}
	if len(f.Hosts) > 0 {
		q.Set("host", strings.Join(f.Hosts, ","))
	}
	if len(f.Statuses) > 0 {
		words := make([]string, len(f.Statuses))
		for i, s := range f.Statuses {
			words[i] = string(s)
		}
		q.Set("status", strings.Join(words, ","))
	}
	if f.Layer != nil {
		q.Set("layer", strconv.Itoa(*f.Layer))
	}
	var page struct {
		Results []TaskResult
		LeftOut int64 `json:"left_out"`
		Next    *resultsNext
	}
	_, err := c.http.Do(ctx, http.MethodGet, sessionPath(session)+"/results", q, nil, &page)
	return ResultPage{Results: page.Results, LeftOut: page.LeftOut, More: page.Next != nil}, err
}

// HostResults counts the session's results for each host.
func (c *Client) HostResults(ctx context.Context, session string) ([]HostResults, error) {
	var out struct{ Hosts []HostResults }
	_, err := c.http.Do(ctx, http.MethodGet, sessionPath(session)+"/hosts", nil, nil, &out)
	return out.Hosts, err
}

// Log tells how the session's job goes.
func (c *Client) Log(ctx context.Context, session string) (SessionLog, error) {
	var out SessionLog
	_, err := c.http.Do(ctx, http.MethodGet, sessionPath(session)+"/log", nil, nil, &out)
	return out, err
}

func sessionPath(name string) string { return "/v3/sessions/" + httpapi.Segment(name) }
