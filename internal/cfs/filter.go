package cfs

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/xname"
)

// Page asks for a part of a list.
type Page struct {
	Limit   int // 0: option default_page_size
	AfterID string
}

// chunk is how many documents are read at a time when a filter works in memory.
const chunk = 1000

// readPage returns the documents of q that match (nil: all), up to page.Limit,
// and whether there are more.
func readPage[T any](ctx context.Context, table *store.Table[T], key func(*T) string, q store.Query, page Page, match func(*T) bool) ([]T, bool, error) {
	q.After = page.AfterID
	q.Limit = page.Limit + 1
	if match != nil {
		q.Limit = max(q.Limit, chunk)
	}
	out := []T{}
	for {
		docs, err := table.List(ctx, q)
		if err != nil {
			return nil, false, err
		}
		for i := range docs {
			if match != nil && !match(&docs[i]) {
				continue
			}
			if len(out) == page.Limit {
				return out, true, nil
			}
			out = append(out, docs[i])
		}
		if len(docs) < q.Limit {
			return out, false, nil
		}
		q.After = key(&docs[len(docs)-1])
	}
}

// parseTags reads "key=value,key2=value2"; all must match.
func parseTags(text string) (map[string]string, error) {
	if text == "" {
		return nil, nil
	}
	out := map[string]string{}
	for _, item := range strings.Split(text, ",") {
		k, v, found := strings.Cut(item, "=")
		if !found || strings.Contains(v, "=") {
			return nil, fault.Titled(fault.Invalid, "Error parsing the tags provided.", "tags: '%s' is not key=value", item)
		}
		out[k] = v
	}
	return out, nil
}

func hasTags(have, want map[string]string) bool {
	for k, v := range want {
		if got, ok := have[k]; !ok || got != v {
			return false
		}
	}
	return true
}

var ageUnits = map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}

// parseAge reads digits and one of m, h, d, w in either case; empty is none.
func parseAge(text string) (age time.Duration, given bool, err error) {
	if text == "" {
		return 0, false, nil
	}
	last := len(text) - 1
	unit := ageUnits[text[last]|0x20]
	n, err := strconv.ParseInt(text[:last], 10, 64)
	if unit == 0 || err != nil || n < 0 || n > int64(100*365*24*time.Hour/unit) {
		return 0, false, fault.Titled(fault.Invalid, "Error parsing age field",
			"'%s' is not an age: expected digits and one of m, h, d, w, at most 100 years", text)
	}
	return time.Duration(n) * unit, true, nil
}

// matcher turns the filter into a function; nil matches everything. Status is
// left to the index.
func (f SessionFilter) matcher(now time.Time) (func(*Session) bool, error) {
	tags, err := parseTags(f.Tags)
	if err != nil {
		return nil, err
	}
	minAge, hasMin, err := parseAge(f.MinAge)
	if err != nil {
		return nil, err
	}
	maxAge, hasMax, err := parseAge(f.MaxAge)
	if err != nil {
		return nil, err
	}
	if !hasMin && !hasMax && tags == nil && f.Succeeded == "" && f.NameContains == "" {
		return nil, nil
	}
	// Both sides have this form, so that texts compare like times.
	latest, earliest := sessionTime(now.Add(-minAge)), sessionTime(now.Add(-maxAge))
	return func(s *Session) bool {
		run := &s.Status.Session
		return (!hasMin || run.StartTime <= latest) && (!hasMax || run.StartTime >= earliest) &&
			(f.Succeeded == "" || string(run.Succeeded) == f.Succeeded) &&
			strings.Contains(s.Name, f.NameContains) && hasTags(s.Tags, tags)
	}, nil
}

func (f SessionFilter) query() store.Query {
	if f.Status == "" {
		return store.Query{}
	}
	return store.Query{Where: []store.Match{store.Is("status", f.Status)}}
}

// query turns the filter into indexed conditions and, for what no index
// covers, a function; a nil function matches everything.
func (f ComponentFilter) query() (store.Query, func(*record) bool, error) {
	var q store.Query
	if f.IDs != "" {
		q.Keys = xname.CanonicalAll(strings.Split(f.IDs, ","))
	}
	if f.Status != "" {
		statuses := strings.Split(f.Status, ",")
		for _, s := range statuses {
			if _, known := rank[ConfigurationStatus(s)]; !known {
				return q, nil, fault.New(fault.Invalid, "status must be unconfigured, pending, failed or configured, not '%s'", s)
			}
		}
		q.Where = append(q.Where, store.Match{Column: "status", In: statuses})
	}
	if f.Enabled != nil {
		q.Where = append(q.Where, store.Is("enabled", strconv.FormatBool(*f.Enabled)))
	}
	if f.ConfigName != "" {
		q.Where = append(q.Where, store.Is("desired_config", f.ConfigName))
	}
	tags, err := parseTags(f.Tags)
	if err != nil || tags == nil {
		return q, nil, err
	}
	return q, func(r *record) bool { return hasTags(r.Tags, tags) }, nil
}

// matches is query for one record, for whoever read it before it was locked.
func (f ComponentFilter) matches(r *record) bool {
	tags, err := parseTags(f.Tags)
	return err == nil && (f.Status == "" || containsItem(f.Status, string(r.Status))) &&
		(f.Enabled == nil || *f.Enabled == r.Enabled) &&
		(f.ConfigName == "" || f.ConfigName == r.DesiredConfig) && hasTags(r.Tags, tags)
}

func containsItem(list, item string) bool {
	for i := range strings.SplitSeq(list, ",") {
		if i == item {
			return true
		}
	}
	return false
}
