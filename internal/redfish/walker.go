package redfish

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// walker makes the requests of one walk. After an error it makes no more.
type walker struct {
	ctx     context.Context
	driver  *Driver
	address string
	login   Login
	// strict: nothing may be missing.
	strict bool

	err      error
	problems []Problem
	waited   time.Duration // for a BMC that said "later"
	silent   int           // resources in a row that got no answer
	expands  bool          // lists can be asked for with their members in them

	boxes   []box
	systems []resource // as in the inventory
}

// box is a chassis.
type box struct {
	path string
	resource
}

const (
	// busyPatience bounds the waits of a walk for a BMC that says "later".
	busyPatience = time.Minute
	busyPause    = 500 * time.Millisecond
	// away is how many resources in a row without an answer make a BMC one that
	// is away.
	away = 2
)

// need is how to read: without that resource the walk fails. mayMiss: it may be
// linked to without being there. list: what is odd in it is a member.
type need struct{ must, mayMiss, list bool }

var (
	required     = need{must: true}
	desired      = need{}
	requiredList = need{must: true, mayMiss: true, list: true}
	desiredList  = need{mayMiss: true, list: true}
)

// read reads the resource at the path and tells whether it is there. That one
// which the walk can do without cannot be read is a problem, unless the BMC is
// away or does not take the login.
func (w *walker) read(path string, out any, how need) bool {
	if w.err != nil || path == "" {
		return false
	}
	err := w.fetch(path, out)
	if noAnswer(err) {
		w.silent++
	} else {
		w.silent = 0
	}
	return w.judge(path, err, how)
}

// readMember is read of a member of a list, which may have told all already.
func (w *walker) readMember(m member, out any, how need) bool {
	if m.body == nil || w.err != nil {
		return w.read(m.path, out, how)
	}
	return w.judge(m.path, json.Unmarshal(m.body, out), how)
}

// judge tells whether a resource was read, and keeps record of it if not.
func (w *walker) judge(path string, err error, how need) bool {
	var odd *json.UnmarshalTypeError
	switch {
	case err == nil:
		return true
	case how.mayMiss && statusOf(err) == http.StatusNotFound:
		if how.must { // what was known of it stays
			w.problems = append(w.problems, Problem{path, Describe(err)})
		}
		return false
	case errors.As(err, &odd) && odd.Field != "" && !w.strict && !(how.must && how.list): // the other fields are read
		w.problems = append(w.problems, Problem{path, err.Error()})
		return true
	case how.must, w.strict, w.silent >= away, statusOf(err) == http.StatusUnauthorized, w.ctx.Err() != nil:
		w.err = err
		return false
	}
	w.problems = append(w.problems, Problem{path, Describe(err)})
	return false
}

// fetch reads the resource. A BMC that is busy is waited for; one that fails
// without a word, or does not answer, is asked twice.
func (w *walker) fetch(path string, out any) error {
	for try := 1; ; try++ {
		err := w.driver.get(w.ctx, w.address, w.login, path, out)
		if err == nil || VerdictOf(err) != Later || w.ctx.Err() != nil {
			return err
		}
		wait := busyPause
		var busy *Error
		switch {
		case errors.As(err, &busy) && busy.RetryAfter > 0:
			wait = busy.RetryAfter
		case statusOf(err) == http.StatusServiceUnavailable, statusOf(err) == http.StatusTooManyRequests:
		case try > 1 || unreadable(err):
			return err
		}
		if w.waited += wait; w.waited > busyPatience || w.driver.pause(w.ctx, wait) != nil {
			return err
		}
	}
}

// noAnswer tells whether the error is that no answer came.
func noAnswer(err error) bool {
	return err != nil && statusOf(err) == 0 && !errors.Is(err, errNoPath) && !unreadable(err)
}

// unreadable tells whether the error is an answer that is not what it should be.
func unreadable(err error) bool {
	var syntax *json.SyntaxError
	var mismatch *json.UnmarshalTypeError
	return errors.As(err, &syntax) || errors.As(err, &mismatch)
}

// member is one of a list.
type member struct {
	path string
	body json.RawMessage // nil unless the list told all of it
}

// UnmarshalJSON reads a link, or the resource itself in its place.
func (m *member) UnmarshalJSON(text []byte) error {
	var r struct {
		link
		ID, Name *string
	}
	err := json.Unmarshal(text, &r)
	if m.path = r.OdataID; r.ID != nil || r.Name != nil {
		m.body = bytes.Clone(text)
	}
	return err
}

// page is a page of a collection.
type page struct {
	Members []member
	Next    string `json:"Members@odata.nextLink"`
}

// members lists the paths in a collection, of all its pages, each once. The
// first page may be missing.
func (w *walker) members(collection link, how need) []string {
	all := w.pages(collection, how, func(path string, how need) (p page) {
		w.read(path, &p, how)
		return p
	})
	paths := make([]string, len(all))
	for i := range all {
		paths[i] = all[i].path
	}
	return paths
}

// list are the members of a collection that may be missing, with all of them
// that is told in one answer where the BMC offers that.
func (w *walker) list(collection link) []member {
	return w.pages(collection, desiredList, func(path string, how need) (p page) {
		if w.expands && !strings.Contains(path, "?") {
			if w.fetch(path+"?$expand=.", &p) == nil {
				w.silent = 0
				return p
			}
			w.expands = false // it does not do what it says: once more, the plain way
		}
		p = page{}
		w.read(path, &p, how)
		return p
	})
}

// pages are the members of all pages, each once, in the order of their paths.
func (w *walker) pages(collection link, how need, read func(path string, how need) page) []member {
	var all []member
	seen := map[string]bool{}
	for next := collection.OdataID; next != "" && w.err == nil && !seen[next] && len(seen) < 1000; how.mayMiss = false {
		p := read(next, how)
		for _, m := range p.Members {
			if m.path == "" {
				w.fail(next, fmt.Errorf("%s lists a member without a path", next), how)
				continue
			}
			all = append(all, m)
		}
		seen[next] = true
		next = p.Next
	}
	slices.SortStableFunc(all, func(a, b member) int { return ComparePaths(a.path, b.path) })
	return slices.CompactFunc(all, func(a, b member) bool { return strings.TrimSuffix(a.path, "/") == strings.TrimSuffix(b.path, "/") })
}

// fail ends the walk, or is a problem, for what is wrong with the resource.
func (w *walker) fail(path string, err error, how need) {
	if how.must || w.strict {
		w.err = err
		return
	}
	w.problems = append(w.problems, Problem{path, Describe(err)})
}
