package roster

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// Services are those that know of nodes, embedded or not.
type Services struct{ HSM, PCS, BOS, CFS, IMS *httpapi.Client }

// Selection is which nodes are asked about.
type Selection struct {
	// IDs are their names; nil is all.
	IDs []string
	// Tenant is whose nodes they have to be; empty is no limit.
	Tenant string
}

// patience bounds the asking of each service: who asks where all nodes stand should not
// wait long for one that hangs.
const patience = 10 * time.Second

// fewIDs is up to how many nodes are asked about by name. Of more it is cheaper to ask
// for all that there are.
const fewIDs = 1000

// pageSize is how many components are asked for at a time, idsAtATime how many are named
// in a URL.
const (
	pageSize   = 5000
	idsAtATime = 200
)

// Look asks the services, all at once. The error is that the boot service refuses the
// tenant, or cannot say which nodes are its.
func Look(ctx context.Context, s Services, sel Selection, now func() time.Time) (*Answer, error) {
	l := looking{services: s.once(), ids: sel.IDs, answer: &Answer{Time: now().UTC(), Silent: []Silence{}}}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if sel.Tenant != "" {
		l.services.BOS.Header = http.Header{"Cray-Tenant-Name": {sel.Tenant}}
		if err := l.owned(ctx); err != nil {
			return nil, err
		}
	}
	l.ask(ctx, sel.Tenant == "")
	l.answer.Nodes = Join(&l.reports, set(l.ids))
	slices.SortFunc(l.answer.Silent, func(a, b Silence) int { return strings.Compare(string(a.Service), string(b.Service)) })
	return l.answer, nil
}

// once has the clients try once: a service that is away is named.
func (s Services) once() Services {
	for _, c := range []**httpapi.Client{&s.HSM, &s.PCS, &s.BOS, &s.CFS, &s.IMS} {
		one := **c
		one.Retries = 0
		*c = &one
	}
	return s
}

type looking struct {
	services Services
	ids      []string // nil: all
	answer   *Answer
	reports  Reports
	mu       sync.Mutex
}

// owned limits the look to the nodes of the tenant, which BOS knows.
func (l *looking) owned(ctx context.Context) error {
	err := l.components(ctx)
	var answer *httpapi.StatusError
	switch {
	case errors.As(err, &answer) && answer.Status == http.StatusBadRequest:
		return fault.Titled(fault.Invalid, answer.Title, "%s", answer.Detail)
	case err != nil:
		return fault.New(fault.Unavailable, "which nodes are the tenant's: %w", err)
	}
	wanted := set(l.ids)
	l.ids = make([]string, 0, len(l.reports.Components))
	for i := range l.reports.Components {
		if id := l.reports.Components[i].ID; wanted == nil || wanted[id] {
			l.ids = append(l.ids, id)
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
	asks := []struct {
		service Service
		ask     func(context.Context) error
	}{{HSM, l.hardware}, {PCS, l.power}, {CFS, l.configs}, {IMS, l.images}, {BOS, l.components}}
	if !boot {
		asks = asks[:4]
	}
	var wg sync.WaitGroup
	for _, a := range asks {
		wg.Go(func() {
			if err := a.ask(ctx); err != nil {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.answer.Silent = append(l.answer.Silent, Silence{a.service, words(err)})
			}
		})
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

// few tells whether the nodes are asked about by name.
func (l *looking) few() bool { return l.ids != nil && len(l.ids) <= fewIDs }

func (l *looking) hardware(ctx context.Context) error {
	var out struct{ Components []Hardware }
	var err error
	switch {
	case l.ids != nil && len(l.ids) == 0:
	case l.few():
		_, err = l.services.HSM.Do(ctx, http.MethodPost, "/State/Components/Query", nil, map[string]any{"ComponentIDs": l.ids}, &out)
	default:
		_, err = l.services.HSM.Do(ctx, http.MethodGet, "/State/Components", url.Values{"type": {"Node"}}, nil, &out)
	}
	l.reports.Hardware = out.Components
	return err
}

func (l *looking) power(ctx context.Context) error {
	if l.ids != nil && len(l.ids) == 0 {
		return nil
	}
	body := map[string]any{}
	if l.few() {
		body["xname"] = l.ids
	}
	var out struct {
		Status []Power `json:"status"`
	}
	_, err := l.services.PCS.Do(ctx, http.MethodPost, "/v1/power-status", nil, body, &out)
	l.reports.Power = out.Status
	return err
}

func (l *looking) images(ctx context.Context) error {
	_, err := l.services.IMS.Do(ctx, http.MethodGet, "/v3/images", nil, nil, &l.reports.Images)
	return err
}

// queries are those by which the nodes are asked for: one for all, or one for each
// chunk of names.
func (l *looking) queries() (list []url.Values) {
	if l.ids == nil || !l.few() {
		return []url.Values{{}}
	}
	for chunk := range slices.Chunk(l.ids, idsAtATime) {
		list = append(list, url.Values{"ids": {strings.Join(chunk, ",")}})
	}
	return list
}

func (l *looking) components(ctx context.Context) error {
	var all []Component
	for _, q := range l.queries() {
		q.Set("page_size", strconv.Itoa(pageSize))
		for {
			var page []Component
			if _, err := l.services.BOS.Do(ctx, http.MethodGet, "/v2/components", q, nil, &page); err != nil {
				return err
			}
			all = append(all, page...)
			if len(page) < pageSize {
				break
			}
			q.Set("start_after_id", page[len(page)-1].ID)
		}
	}
	l.reports.Components = all
	return nil
}

func (l *looking) configs(ctx context.Context) error {
	var all []Config
	for _, q := range l.queries() {
		q.Set("limit", strconv.Itoa(pageSize))
		for {
			var page struct {
				Components []Config
				Next       *struct {
					AfterID string `json:"after_id"`
				}
			}
			if _, err := l.services.CFS.Do(ctx, http.MethodGet, "/v3/components", q, nil, &page); err != nil {
				return err
			}
			all = append(all, page.Components...)
			if page.Next == nil {
				break
			}
			q.Set("after_id", page.Next.AfterID)
		}
	}
	l.reports.Configs = all
	return nil
}
