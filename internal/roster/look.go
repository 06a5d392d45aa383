package roster

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// Ask asks a service about the nodes; it may tell of others too. One that is asked over the
// network is asked once, so that one which is away is named.
type Ask[T any] func(ctx context.Context, sel Selection) ([]T, error)

// Services are those that know of nodes.
type Services struct {
	HSM Ask[Hardware]
	PCS Ask[Power]
	// BOS refuses a tenant that there is not by a fault.Invalid.
	BOS Ask[Component]
	CFS Ask[Config]
	IMS Ask[Image] // whatever is selected
}

// Selection is which nodes are asked about.
type Selection struct {
	// IDs are their names; nil is all.
	IDs []string
	// Tenant is whose nodes they have to be; empty is no limit. It is for BOS alone.
	Tenant string
}

// Few are the names if so few are selected that it is cheaper to ask for them than for all
// that there are; else nil.
func (s *Selection) Few() []string {
	if len(s.IDs) > fewIDs {
		return nil
	}
	return s.IDs
}

// patience bounds the asking of each service: who asks where all nodes stand should not
// wait long for one that hangs.
const patience = 10 * time.Second

// fewIDs is up to how many nodes are asked about by name. Of more it is cheaper to ask
// for all that there are.
const fewIDs = 1000

// Look asks the services, all at once. The error is that the boot service refuses the
// tenant, or cannot say which nodes are its.
func Look(ctx context.Context, s Services, sel Selection, now func() time.Time) (*Answer, error) {
	l := looking{services: s, sel: sel, answer: &Answer{Time: now().UTC(), Silent: []Silence{}}}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if sel.Tenant != "" {
		if err := l.owned(ctx); err != nil {
			return nil, err
		}
	}
	l.ask(ctx, sel.Tenant == "")
	l.answer.Nodes = Join(&l.reports, set(l.sel.IDs))
	slices.SortFunc(l.answer.Silent, func(a, b Silence) int { return strings.Compare(string(a.Service), string(b.Service)) })
	return l.answer, nil
}

type looking struct {
	services Services
	sel      Selection
	answer   *Answer
	reports  Reports
	mu       sync.Mutex
}

// owned limits the look to the nodes of the tenant, which BOS knows.
func (l *looking) owned(ctx context.Context) error {
	var err error
	l.reports.Components, err = l.services.BOS(ctx, l.sel)
	switch {
	case fault.Is(err, fault.Invalid):
		return err
	case err != nil:
		return fault.New(fault.Unavailable, "which nodes are the tenant's: %w", err)
	}
	wanted := set(l.sel.IDs)
	l.sel.IDs = make([]string, 0, len(l.reports.Components))
	for i := range l.reports.Components {
		if id := l.reports.Components[i].ID; wanted == nil || wanted[id] {
			l.sel.IDs = append(l.sel.IDs, id)
		}
	}
	return nil
}

// set is the names as a set; nil stays nil.
func set(names []string) map[string]bool {
	if names == nil {
		return nil
	}
	out := make(map[string]bool, len(names))
	for _, n := range names {
		out[n] = true
	}
	return out
}

// ask asks all services, BOS only if it was not asked yet.
func (l *looking) ask(ctx context.Context, boot bool) {
	s, r := &l.services, &l.reports
	var wg sync.WaitGroup
	begin := func(service Service, err func() error) {
		wg.Go(func() {
			if err := err(); err != nil {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.answer.Silent = append(l.answer.Silent, Silence{service, words(err)})
			}
		})
	}
	begin(HSM, func() (err error) { r.Hardware, err = s.HSM(ctx, l.sel); return err })
	begin(PCS, func() (err error) { r.Power, err = s.PCS(ctx, l.sel); return err })
	begin(CFS, func() (err error) { r.Configs, err = s.CFS(ctx, l.sel); return err })
	begin(IMS, func() (err error) { r.Images, err = s.IMS(ctx, l.sel); return err })
	if boot {
		begin(BOS, func() (err error) { r.Components, err = s.BOS(ctx, l.sel); return err })
	}
	wg.Wait()
}

func words(err error) string {
	var answer *httpapi.StatusError
	if errors.As(err, &answer) {
		return strconv.Itoa(answer.Status) + " " + answer.Title + ": " + answer.Detail
	}
	return err.Error()
}
