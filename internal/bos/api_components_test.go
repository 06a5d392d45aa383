package bos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/store"
)

// put makes components with the ids.
func (s *site) put(ids ...string) {
	s.t.Helper()
	var list []ComponentPatch
	for _, id := range ids {
		list = append(list, ComponentPatch{ID: id})
	}
	raw, _ := json.Marshal(list)
	s.expect("PUT /v2/components", string(raw), 200, "")
}

func (s *site) ids(query string) string {
	s.t.Helper()
	w := s.call("GET /v2/components"+query, "")
	var list []ComponentRecord
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
		s.t.Fatalf("%s: %s", query, w.Body)
	}
	out := make([]string, len(list))
	for i := range list {
		out[i] = list[i].ID
	}
	return strings.Join(out, " ")
}

func TestComponentLists(t *testing.T) {
	s := newSite(t)
	s.expect("GET /v2/components", "", 200, "[]")
	s.put("x3", "x1", "x2", "x1c0s0b0n0")
	s.expect("PATCH /v2/components/x2", `{"enabled":true,"session":"one","staged_state":{"session":"two"}}`, 200, "")
	s.expect("PATCH /v2/components/x3", `{"status":{"phase":"configuring"}}`, 200, "")
	for query, want := range map[string]string{
		"": "x1 x1c0s0b0n0 x2 x3", "?ids=x3,x9,x1": "x1 x3", "?session=one": "x2", "?staged_session=two": "x2",
		"?enabled=True": "x2", "?enabled=false": "x1 x1c0s0b0n0 x3", "?phase=configuring": "x3", "?phase=": "x1 x1c0s0b0n0 x2 x3",
		"?status=on_hold,configuring": "x2 x3", "?page_size=2": "x1 x1c0s0b0n0", "?page_size=2&start_after_id=x1c0s0b0n0": "x2 x3",
		"?enabled=true&status=stable": "", "?nonsense=1": "x1 x1c0s0b0n0 x2 x3",
	} {
		if got := s.ids(query); got != want {
			t.Errorf("%q gave %q, want %q", query, got, want)
		}
	}
	for _, query := range []string{"?enabled=maybe", "?phase=dancing", "?page_size=-1", "?session=-bad-"} {
		s.expect("GET /v2/components"+query, "", 400, "")
	}
	w := s.call("GET /v2/components", "", "Cray-Tenant-Name: blue")
	if !strings.HasPrefix(w.Body.String(), `[{"id":"x1c0s0b0n0"`) || strings.Contains(w.Body.String(), `"x2"`) {
		t.Errorf("the tenant sees %s", w.Body)
	}
	s.expect("GET /v2/components", "", 400, problem(400, "Invalid tenant", "Data not found for tenant green"), "Cray-Tenant-Name: green")
	s.expect("GET /v2/components/x2", "", 404, problem(404, notThere, "Component 'x2' does not exist"), "Cray-Tenant-Name: blue")
}

func TestComponentChanges(t *testing.T) {
	s := newSite(t)
	s.put("x1", "x2")
	s.expect("PATCH /v2/components/x1", `{"desired_state":{"boot_artifacts":{"kernel":"k"}},"session":"s","retry_policy":1,"error":"e"}`, 200,
		`{"id":"x1","actual_state":{"boot_artifacts":{"kernel":"","kernel_parameters":"","initrd":""},"bss_token":""},
		"desired_state":{"boot_artifacts":{"kernel":"k","kernel_parameters":"","initrd":""},"configuration":"","bss_token":"","last_updated":"2026-03-04T05:06:07"},
		"staged_state":{"boot_artifacts":{"kernel":"","kernel_parameters":"","initrd":""},"configuration":"","session":""},
		"last_action":{"failed":false},"event_stats":{"power_on_attempts":0,"power_off_graceful_attempts":0,"power_off_forceful_attempts":0},
		"status":{"phase":"","status":"stable","status_override":""},"enabled":false,"error":"e","session":"s","retry_policy":1}`)
	s.expect("PATCH /v2/components/x9", `{"enabled":true}`, 404, problem(404, notThere, "Component 'x9' does not exist"))
	for body, want := range map[string]string{
		`{"actual_state":{"last_updated":"2026-03-04T05:06:07"}}`: "Property is read-only - 'actual_state.last_updated'",
		`{"status":{"status":"stable"}}`:                          "Property is read-only - 'status.status'",
		`{"enabled":"yes"}`:                                       "expected boolean - 'enabled'",
		`{"nonsense":1}`:                                          "unexpected property - 'nonsense'",
		`{"retry_policy":-1}`:                                     "expected number >= 0 - 'retry_policy'",
		`{"error":null}`:                                          "null is not allowed here - 'error'",
		`{ }`:                                                     "the body says nothing: expected at least one property of the component",
	} {
		s.expect("PATCH /v2/components/x1", body, 400, problem(400, badRequest, want))
		s.expect("PATCH /v2/components", `[{"id":"x2"},{"id":"x1",`+body[1:]+`]`, 400, "")
	}
	s.expect("DELETE /v2/components/x1", "", 204, "")
	s.expect("DELETE /v2/components/x1", "", 404, "")
	s.expect("GET /v2/components/x1", "", 404, problem(404, notThere, "Component 'x1' does not exist"))
}

// at is HSM's knowledge of addresses.
type at map[string]string

func (a at) NodeAt(_ context.Context, ip string) (string, error) {
	if ip == "10.0.0.99" {
		return "", errors.New("HSM does not answer")
	}
	return a[ip], nil
}

func TestReportFromTheAddressOfAnotherNodeIsRefused(t *testing.T) {
	s := newSite(t)
	s.service.Addresses = at{"10.0.0.1": "x1", "10.0.0.2": "x2"}
	s.put("x1")
	const report = `{"actual_state":{"bss_token":"unknown"}}`
	s.expect("PATCH /v2/components/x1", report, 409, problem(409, "Actual state can not be updated.",
		"the report about 'x1' comes from 10.0.0.2, the address of 'x2'"), "X-Forwarded-For: 10.0.0.1, 10.0.0.2")
	for _, from := range []string{"10.0.0.1", "10.0.0.3", "10.0.0.99"} { // its own, nobody's, who knows
		s.expect("PATCH /v2/components/x1", report, 200, "", "X-Forwarded-For: "+from)
	}
	for _, other := range []struct{ call, body string }{{"PUT /v2/components/x1", report}, {"PUT /v2/components", `[{"id":"x1","actual_state":{"bss_token":"t"}}]`},
		{"PATCH /v2/components", `[{"id":"x1","actual_state":{"bss_token":"t"}}]`}, {"PATCH /v2/components", `{"filters":{"ids":"x1"},"patch":` + report + `}`}} {
		for _, from := range []string{"10.0.0.2", "::ffff:10.0.0.2", "10.0.0.2:4711"} {
			s.expect(other.call, other.body, 409, "", "X-Forwarded-For: "+from)
		}
	}
	// Whoever administers may do so from a node.
	s.expect("PATCH /v2/components/x1", `{"enabled":false}`, 200, "", "X-Forwarded-For: 10.0.0.2")
}

// However a node's name is written, it is the same component.
func TestComponentsHaveOneSpelling(t *testing.T) {
	s := newSite(t)
	s.expect("PUT /v2/components/X1000C0S00B0N0", `{"enabled":false}`, 200, "")
	s.expect("PATCH /v2/components", `[{"id":"x1000c0s0b00n0","error":"e"}]`, 200, "")
	s.expect("PATCH /v2/components", `{"patch":{"retry_policy":2},"filters":{"ids":"X1000c0s0b0n0"}}`, 200, "")
	list, err := s.service.Components(t.Context(), store.Query{})
	if err != nil || len(list) != 1 || list[0].ID != "x1000c0s0b0n0" || list[0].Troubles.Newest() != "e" || *list[0].RetryPolicy != 2 {
		t.Errorf("%+v, %v", list, err)
	}
	s.expect("GET /v2/components/x1000C0s0b0n0", "", 200, "")
	if got := s.call("GET /v2/components?ids=X1000C0S0B0N0", "").Body.String(); !strings.Contains(got, `"id":"x1000c0s0b0n0"`) {
		t.Error(got)
	}
	s.expect("GET /v2/components?start_after_id=X1000C0S00B0N0", "", 200, "[]\n")
	s.expect("DELETE /v2/components/x1000c0s0b0n00", "", 204, "")
}

// A filter without a value is no wish for everything.
func TestFiltersWithoutAValueAreRefused(t *testing.T) {
	s := newSite(t)
	s.put("x1")
	for query, want := range map[string]string{
		"components?ids=":            "expected at least one character - 'query.ids'",
		"components?enabled=":        "expected boolean - 'query.enabled'",
		"components?session=&ids=x1": "expected at least one character - 'query.session'",
		"components?page_size=":      "expected integer - 'query.page_size'",
		"sessions?status=":           `expected value to be one of "pending, running, complete" - 'query.status'`,
		"sessions?min_age=":          "expected at least one character - 'query.min_age'",
	} {
		s.expect("GET /v2/"+query, "", 400, problem(400, badRequest, want))
	}
	s.expect("GET /v2/components?phase=&status=", "", 200, "")
}

func TestReportIsRefusedWhileBOSChangesTheNode(t *testing.T) {
	s := newSite(t)
	s.put("x1")
	if err := s.service.RecordToken(t.Context(), "token", BootArtifacts{Kernel: "k", Initrd: "i"}); err != nil {
		t.Fatal(err)
	}
	report := `{"id":"x1","actual_state":{"bss_token":"token"}}`
	s.expect("PATCH /v2/components/x1", `{"enabled":true,"desired_state":{"bss_token":"token"}}`, 200, "")
	s.expect("PATCH /v2/components/x1", report, 409, problem(409, "Actual state can not be updated.",
		"BOS is currently changing the state of the node 'x1', and the actual state can not be accurately recorded"))
	s.expect("PATCH /v2/components/x1", `{"last_action":{"action":"powering_on"}}`, 200, "")
	s.now = s.now.Add(time.Hour)
	s.expect("PATCH /v2/components/x1", report, 200, "")
	c, _ := s.service.Component(t.Context(), "x1", "")
	if c.ActualState != (ActualState{BootArtifacts: BootArtifacts{Kernel: "k", Initrd: "i"}, BSSToken: "token", LastUpdated: s.now}) {
		t.Errorf("actual state %+v", c.ActualState)
	}
	at := s.now
	s.now = s.now.Add(time.Hour)
	s.expect("PATCH /v2/components/x1", `{"actual_state":{"bss_token":"unknown"}}`, 200, "")
	c, _ = s.service.Component(t.Context(), "x1", "")
	if c.ActualState.BootArtifacts.Kernel != "k" || c.ActualState.BSSToken != "unknown" || !c.ActualState.LastUpdated.Equal(at) {
		t.Errorf("an unknown token made the state %+v", c.ActualState)
	}
}

// A node whose kernel lost the end of its command line takes itself for
// another: its token tells.
func TestReportWithTheTokenOfOtherNodesIsRefused(t *testing.T) {
	s := newSite(t)
	s.put("x1", "x2")
	tokens := []string{"first", "second", "third"}
	for _, name := range append(tokens, "others") {
		if err := s.service.RecordToken(t.Context(), name, BootArtifacts{Kernel: "k", Initrd: "i"}); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := s.service.Change(t.Context(), []string{"x1"}, func(c *Component) error {
		for _, name := range tokens {
			c.Powered(name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	const why = "BSS gave the token 'others' for the boot of other nodes, not of 'x1': look who really sent this"
	s.expect("PATCH /v2/components/x1", `{"actual_state":{"bss_token":"others"}}`, 409, problem(409, "Actual state can not be updated.", why))
	s.expect("PATCH /v2/components", `[{"id":"x1","actual_state":{"bss_token":"others"}}]`, 409, "")
	for _, name := range tokens { // a slow boot may report after the next try began
		s.expect("PATCH /v2/components/x1", `{"actual_state":{"bss_token":"`+name+`"}}`, 200, "")
	}
}

// One call for many nodes follows the rule of one call for one.
func TestReportOfManyIsRefusedWhileBOSChangesOneOfThem(t *testing.T) {
	s := newSite(t)
	s.put("x1", "x2")
	s.expect("PATCH /v2/components/x1", `{"enabled":true}`, 200, "")
	reports := `[{"id":"x1","actual_state":{"bss_token":"t"}},{"id":"x2","actual_state":{"bss_token":"t"}}]`
	tokens := func() (both [2]string) {
		for i, id := range []string{"x1", "x2"} {
			c, err := s.service.Component(t.Context(), id, "")
			if err != nil {
				t.Fatal(err)
			}
			both[i] = c.ActualState.BSSToken
		}
		return both
	}
	s.expect("PATCH /v2/components", reports, 409, problem(409, "Actual state can not be updated.",
		"BOS is currently changing the state of the node 'x1', and the actual state can not be accurately recorded"))
	if got := tokens(); got != [2]string{} {
		t.Errorf("a refused call left tokens %q", got)
	}
	s.expect("PATCH /v2/components?skip_bad_ids=true", reports, 200, "")
	if got := tokens(); got != [2]string{"", "t"} {
		t.Errorf("tokens %q, want that of the idle node alone", got)
	}
}

func TestBulkChanges(t *testing.T) {
	s := newSite(t)
	s.put("x1", "x2", "x3")
	s.expect("PATCH /v2/components", `[{"id":"x1","enabled":true},{"id":"x9","enabled":true}]`, 404, problem(404, notThere, "Component 'x9' does not exist"))
	if got := s.ids("?enabled=true"); got != "" {
		t.Errorf("a failed call changed %s", got)
	}
	s.expect("PATCH /v2/components?skip_bad_ids=true", `[{"id":"x1","session":"s"},{"id":"x9","enabled":true},{"id":"x1","enabled":true,"session":"s"}]`, 200, "")
	s.expect("PATCH /v2/components", `{"patch":{"error":"e"},"filters":{"ids":"x2,x3","session":""}}`, 200, "")
	s.expect("PATCH /v2/components", `{"patch":{"enabled":false},"filters":{"session":"s","ids":null}}`, 200, "")
	s.expect("PATCH /v2/components", `{"patch":{"enabled":false},"filters":{"session":"none"}}`, 200, "[]")
	c1, _ := s.service.Component(t.Context(), "x1", "")
	c2, _ := s.service.Component(t.Context(), "x2", "")
	if c1.Enabled || c1.Session != "s" || c2.Troubles.Newest() != "e" {
		t.Errorf("%+v %+v", c1, c2)
	}
	for _, body := range []string{`{"patch":{}}`, `{"patch":{},"filters":{}}`, `{"patch":{},"filters":{"ids":"a","session":"b"}}`,
		`[{"enabled":true}]`, `[`, `7`, `{"patch":{"nonsense":1},"filters":{"ids":"x1"}}`, `[{"id":"x1","session":"bad name"}]`,
		`[{"id":"x1","error":"` + strings.Repeat("e", 70000) + `"}]`} {
		w := s.call("PATCH /v2/components", body)
		if w.Code != 400 || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%.60s answered %d %s", body, w.Code, w.Body)
		}
	}
	s.expect("PATCH /v2/components", `[{"id":"x1"}]`, 404, "", "Cray-Tenant-Name: blue")
}

// Writers of different fields of one record must not undo each other.
func TestConcurrentPatchesLoseNothing(t *testing.T) {
	s := newSite(t)
	s.put("x1", "x2")
	const each = 25
	var wg sync.WaitGroup
	for i := range each {
		for _, body := range []string{fmt.Sprintf(`{"error":"e%d"}`, i), fmt.Sprintf(`{"retry_policy":%d}`, i),
			fmt.Sprintf(`{"staged_state":{"configuration":"c%d"}}`, i)} {
			wg.Go(func() { s.call("PATCH /v2/components/x1", body) })
		}
		wg.Go(func() { s.call("PATCH /v2/components", `[{"id":"x1","enabled":true},{"id":"x2","enabled":true}]`) })
		wg.Go(func() {
			s.service.Change(context.Background(), []string{"x2", "x1"}, func(c *Component) error {
				c.EventStats.PowerOnAttempts++
				c.Enabled = true // else enabling would forget the tries
				return nil
			})
		})
	}
	wg.Wait()
	c, err := s.service.Component(t.Context(), "x1", "")
	if err != nil || c.Troubles.Newest() == "" || c.RetryPolicy == nil || c.StagedState.Configuration == "" || !c.Enabled {
		t.Errorf("%+v %v", c, err)
	}
}

// A list of names is as long as it has to be.
func TestManyIDsFitIntoAFilter(t *testing.T) {
	s := newSite(t)
	s.put("x1")
	s.expect("GET /v2/components?ids=x1"+strings.Repeat(",x1000c0s0b0n0", 100), "", 200, "")
}

// What a component was never told of does not stand in a report's way.
func TestComponentWithNothingSaidTakesAReport(t *testing.T) {
	s := newSite(t)
	s.expect("PUT /v2/components/x1", `{"session":""}`, 200, "")
	s.expect("PATCH /v2/components/x1", `{"actual_state":{"bss_token":"t"}}`, 200, "")
}
