package capmc

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/xname"
)

// Wish is what a client wants of some components' power.
type Wish struct {
	Xnames    []string
	Reason    string
	Force     bool
	Recursive bool // and all that is below
	Prereq    bool // and all that is above
	// Continue goes on with the valid names when others are not.
	Continue bool
}

// selection is the components that a wish means.
type selection struct {
	names []string
	// below are the descendants that go off with them, reserved with them.
	below []string
	// out are names that are not dealt with, and why.
	out []XnameError
	// ignored is how many of those do not make the answer an error.
	ignored int
}

// choose finds out which components a wish means, or why there are none.
func (s *Service) choose(ctx context.Context, w Wish, off bool) (selection, error) {
	var sel selection
	if len(w.Xnames) == 0 {
		return sel, refuse(http.StatusBadRequest, "Bad Request: Required xnames list is empty")
	}
	if w.Recursive && w.Prereq {
		return sel, refuse(http.StatusBadRequest, "Bad Request: Recursive and prereq options are mutually exclusive")
	}
	names, all, wrong := checkNames(w.Xnames, w.Force)
	if len(wrong) > 0 && !w.Continue {
		return sel, refuseNames(wrong)
	}
	sel.out = wrong
	if all {
		components, err := s.components(ctx, url.Values{"type": kindNames()})
		sel.names, sel.ignored = enabled(components), len(sel.out)
		return sel, err
	}
	found, err := s.query(ctx, hsm.ComponentQuery{ComponentIDs: names})
	if err != nil {
		return sel, err
	}
	if err := sel.leave(names, found, w.Continue); err != nil {
		return sel, err
	}
	sel.ignored = len(sel.out)
	return sel, s.widen(ctx, &sel, enabled(found), w, off)
}

// leave puts aside what is missing or disabled, or says that it spoils the wish.
func (sel *selection) leave(names []string, found []hsm.Component, goOn bool) error {
	missing, disabled := lost(names, found)
	switch left := len(names) - len(missing) - len(disabled); {
	case left == 0 && goOn:
		return refuse(http.StatusNotFound, "Not Found: no component of the xnames is there and enabled")
	case len(disabled) > 0 && !goOn:
		return refuse(http.StatusBadRequest, "Bad Request: components disabled: [%s]", strings.Join(disabled, " "))
	case len(missing) > 0 && !goOn:
		return refuse(http.StatusBadRequest, "Bad Request: components disabled or not found: [%s]", strings.Join(missing, " "))
	}
	for _, n := range missing {
		sel.out = append(sel.out, XnameError{n, http.StatusNotFound, "Component not found"})
	}
	for _, n := range disabled {
		sel.out = append(sel.out, XnameError{n, http.StatusBadRequest, "Component disabled"})
	}
	return nil
}

// widen adds relatives as wished, and puts aside what has no power to control.
func (s *Service) widen(ctx context.Context, sel *selection, names []string, w Wish, off bool) error {
	var above, below []string
	if w.Prereq {
		found, err := s.query(ctx, hsm.ComponentQuery{ComponentIDs: ancestors(names)})
		if err != nil {
			return err
		}
		above = enabled(found)
	}
	if w.Recursive || off {
		top := slices.Concat(names, above)
		found, err := s.query(ctx, hsm.ComponentQuery{ComponentIDs: top, Type: kindNames()})
		if err != nil {
			return err
		}
		below = slices.DeleteFunc(enabled(found), func(n string) bool { return slices.Contains(top, n) })
	}
	sel.names = above
	if w.Recursive {
		sel.names = append(sel.names, below...)
	} else {
		sel.below = below
	}
	for _, n := range names {
		t := xname.TypeOf(n)
		switch {
		case controllable(t):
			sel.names = append(sel.names, n)
		case !w.Recursive || !slices.ContainsFunc(below, func(b string) bool { return xname.Within(b, n) }):
			sel.out = append(sel.out, XnameError{n, failed, "a " + string(t) + " has no power control"})
		}
	}
	slices.Sort(sel.names)
	sel.names = slices.Compact(sel.names)
	return nil
}

// components and query ask HSM, whose silence is told in this interface's form.
func (s *Service) components(ctx context.Context, q url.Values) ([]hsm.Component, error) {
	list, err := s.hardware.Components(ctx, q)
	return list, unreachable("HSM", err)
}

func (s *Service) query(ctx context.Context, q hsm.ComponentQuery) ([]hsm.Component, error) {
	if len(q.ComponentIDs) == 0 && len(q.NID) == 0 {
		return nil, nil
	}
	list, err := s.hardware.Query(ctx, q)
	return list, unreachable("HSM", err)
}

func unreachable(service string, err error) error {
	if err == nil {
		return nil
	}
	if fault.Is(err, fault.Unavailable) {
		return refuse(http.StatusServiceUnavailable, "Error: %s does not answer, ask again: %v", service, err)
	}
	return refuse(http.StatusInternalServerError, "Error: %s: %v", service, err)
}
