package roster

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// site is five services in one handler; each call is kept.
type site struct {
	answers map[string]string // by method and path; none is 503
	mu      sync.Mutex
	calls   []string
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.calls = append(s.calls, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Cray-Tenant-Name"))
	s.mu.Unlock()
	if r.Header.Get("Cray-Tenant-Name") == "green" {
		httpapi.WriteProblem(w, fault.Titled(fault.Invalid, "Invalid tenant", "no such tenant"))
		return
	}
	text, ok := s.answers[r.Method+" "+r.URL.Path]
	if !ok {
		httpapi.WriteProblem(w, fault.New(fault.Unavailable, "away"))
		return
	}
	if page := r.URL.Query().Get("start_after_id") + r.URL.Query().Get("after_id"); page != "" {
		text = s.answers[r.Method+" "+r.URL.Path+" "+page]
	}
	fmt.Fprint(w, text)
}

func (s *site) look(t *testing.T, sel Selection) (*Answer, error) {
	t.Helper()
	s.calls = nil
	c := func(name string) *httpapi.Client {
		return httpapi.NewClient(name, "http://site/"+strings.ToLower(name), httpapi.Local(s))
	}
	return Look(t.Context(), Services{HSM: HSMAt(c("HSM")), PCS: PCSAt(c("PCS")), BOS: BOSAt(c("BOS")), CFS: CFSAt(c("CFS")), IMS: IMSAt(c("IMS"))}, sel, func() time.Time { return time.Unix(0, 0) })
}

func told(a *Answer) string {
	var out []string
	for _, n := range a.Nodes {
		out = append(out, fmt.Sprint(n.Xname, n.Power, n.State, n.Status, n.ConfigStatus))
	}
	for _, s := range a.Silent {
		out = append(out, string(s.Service)+": "+s.Error)
	}
	return strings.Join(out, " ")
}

func newSite() *site {
	return &site{answers: map[string]string{
		"GET /hsm/State/Components":         `{"Components": [{"ID": "x1c0s0b0n0", "State": "Ready"}, {"ID": "x1c0s1b0n0", "State": "Off"}]}`,
		"POST /hsm/State/Components/Query":  `{"Components": [{"ID": "x1c0s0b0n0", "State": "Ready"}]}`,
		"POST /pcs/v1/power-status":         `{"status": [{"xname": "x1c0s0b0n0", "powerState": "on"}]}`,
		"GET /bos/v2/components":            `[{"id": "x1c0s0b0n0", "status": {"status": "stable"}}]`,
		"GET /cfs/v3/components":            `{"components": [{"id": "x1c0s1b0n0", "configuration_status": "failed"}], "next": {"after_id": "x1c0s1b0n0"}}`,
		"GET /cfs/v3/components x1c0s1b0n0": `{"components": [{"id": "x1c0s0b0n0", "configuration_status": "configured"}], "next": null}`,
		"GET /ims/v3/images":                `[]`,
	}}
}

func TestAllNodesAreAskedAboutAtOnce(t *testing.T) {
	s := newSite()
	a, err := s.look(t, Selection{})
	if err != nil || told(a) != "x1c0s0b0n0onReadystableconfigured x1c0s1b0n0Offfailed" {
		t.Fatalf("%v: %s", err, told(a))
	}
	if len(s.calls) != 6 {
		t.Errorf("asked %q", s.calls)
	}
}

func TestFewNodesAreAskedAboutByName(t *testing.T) {
	s := newSite()
	a, err := s.look(t, Selection{IDs: []string{"x1c0s0b0n0"}})
	if err != nil || told(a) != "x1c0s0b0n0onReadystableconfigured" {
		t.Fatalf("%v: %s", err, told(a))
	}
	if !slices.ContainsFunc(s.calls, func(c string) bool { return strings.HasPrefix(c, "GET /bos/v2/components?ids=x1c0s0b0n0&") }) {
		t.Errorf("asked %q", s.calls)
	}
	many := make([]string, fewIDs+1)
	for i := range many {
		many[i] = fmt.Sprintf("x1c0s%db0n0", i)
	}
	if a, err = s.look(t, Selection{IDs: many[1:]}); err != nil || len(s.calls) < 9 {
		t.Errorf("%v, by names %d calls: %s", err, len(s.calls), told(a))
	}
	if a, err = s.look(t, Selection{IDs: many}); err != nil || len(s.calls) != 6 || len(a.Nodes) != 2 {
		t.Errorf("%v, of many %d calls: %s", err, len(s.calls), told(a))
	}
}

func TestServicesThatGiveNoAnswerAreNamed(t *testing.T) {
	s := newSite()
	delete(s.answers, "POST /pcs/v1/power-status")
	delete(s.answers, "GET /hsm/State/Components")
	a, err := s.look(t, Selection{})
	if err != nil || told(a) != "x1c0s0b0n0stableconfigured HSM: 503 Service Unavailable: away PCS: 503 Service Unavailable: away" {
		t.Errorf("%v: %s", err, told(a))
	}
}

func TestATenantSeesItsNodesAlone(t *testing.T) {
	s := newSite()
	a, err := s.look(t, Selection{Tenant: "blue"})
	if err != nil || told(a) != "x1c0s0b0n0onReadystableconfigured" {
		t.Errorf("%v: %s", err, told(a))
	}
	if s.calls[0] != "GET /bos/v2/components?page_size=5000 blue" {
		t.Errorf("asked %q", s.calls)
	}
	if a, err = s.look(t, Selection{Tenant: "blue", IDs: []string{"x1c0s1b0n0"}}); err != nil || len(a.Nodes) != 0 {
		t.Errorf("a node of others: %v %+v", err, a)
	}
	if _, err = s.look(t, Selection{Tenant: "green"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a tenant that there is not: %v", err)
	}
	delete(s.answers, "GET /bos/v2/components")
	if _, err = s.look(t, Selection{Tenant: "blue"}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("nobody knows whose the nodes are: %v", err)
	}
}
