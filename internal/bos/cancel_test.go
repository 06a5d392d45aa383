package bos

import (
	"net/http"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/httpapi"
)

// Between the look at a session's nodes and the write a node may have got where
// it should be, or have become another session's.
func TestCancelStopsOnlyWhatIsTheSessions(t *testing.T) {
	session := &Session{Name: "s", Tenant: "blue"}
	moving := Component{Enabled: true, Session: "s", Engine: Engine{Tenant: "blue", StagedTenant: "blue"}, StagedState: StagedState{Session: "s"}}
	for name, change := range map[string]func(*Component){
		"its own":          func(*Component) {},
		"finished":         func(c *Component) { c.Enabled = false },
		"another's":        func(c *Component) { c.Session, c.StagedState.Session = "other", "other" },
		"another tenant's": func(c *Component) { c.Engine.Tenant, c.Engine.StagedTenant = "red", "red" },
	} {
		c := moving
		change(&c)
		before := c
		_, stopped := c.stop(session, "cancelled", t0)
		if stopped != (name == "its own") || !stopped && c != before || stopped && (c.Enabled || c.Computed() != StatusFailed) {
			t.Errorf("%s: stopped %t, %+v", name, stopped, c)
		}
		if _, unstaged := c.unstage(session, t0); unstaged == strings.HasPrefix(name, "another") {
			t.Errorf("%s: unstaged %t", name, unstaged)
		}
	}
}

func TestWhatIsLeftOfACancelledNode(t *testing.T) {
	on, gently, hard := Status{Phase: PhaseOn}, Status{Phase: PhaseOff}, Status{Phase: PhaseOff}
	for want, c := range map[string]Component{
		"nothing was done to it":                                     {Status: Status{StatusOverride: StatusOnHold}},
		"it is on and was not asked to go off":                       {Status: gently},
		"it is off and was not powered on":                           {Status: on},
		"it runs what it should, and CFS goes on configuring it":     {Status: Status{Phase: PhaseConfigure}},
		"its BMC did not take the request to power it on":            called(on, PoweringOn, CallRefused),
		"its BMC was asked to power it on; once on it boots":         called(on, PoweringOn, CallAccepted),
		"its BMC may have been asked already to cut its power; once": called(hard, PoweringOffHard, CallDecided),
		"its BMC was asked to shut it down; once off it stays off":   called(gently, PoweringOffGently, CallAccepted),
	} {
		if got := c.left(); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", c.Computed(), got, want)
		}
	}
}

func called(s Status, a Action, state CallState) Component {
	return Component{Status: s, LastAction: LastAction{Action: a}, Engine: Engine{Call: Call{Action: a, State: state}}}
}

func TestCancelIsOfTheTenantAlone(t *testing.T) {
	s := newSite(t)
	RegisterNative(httpapi.New(s.mux, "/apis/bos/drover", "Drover", ""), s.service)
	s.put("x1c0s0b0n0")
	s.expect("PUT /v2/sessiontemplates/t", strings.Replace(template, `"enable_cfs"`, `"description":"d","enable_cfs"`, 1), http.StatusOK, "", "Cray-Tenant-Name: blue")
	s.expect("POST /v2/sessions", `{"name":"s","operation":"boot","template_name":"t"}`, http.StatusCreated, "", "Cray-Tenant-Name: blue")
	s.expect("POST /drover/v1/sessions/s/cancel", "", http.StatusNotFound, problem(404, notThere, "Session 's' does not exist"))
	s.expect("POST /drover/v1/sessions/s/cancel", "", http.StatusOK,
		`{"session":"s","operation":"boot","template_name":"t","found":"pending","error":"cancelled before it was set up","stopped":[],"succeeded":0,"failed":0,"taken":0}`,
		"Cray-Tenant-Name: blue")
	s.expect("POST /drover/v1/sessions/s/cancel", "", http.StatusOK,
		`{"session":"s","operation":"boot","template_name":"t","found":"complete","error":"cancelled before it was set up","stopped":[],"succeeded":0,"failed":0,"taken":0}`,
		"Cray-Tenant-Name: blue")
}

// Whoever applies what is staged while its session is cancelled comes too late.
func TestStagedStateOfACancelledSessionIsNotApplied(t *testing.T) {
	c := Component{StagedState: StagedState{Session: "s"}}
	if why := c.unfit(&Session{Name: "s", Operation: OperationShutdown, CancelledAt: t0}); why != "Staged session 's' was cancelled" {
		t.Error(why)
	}
}

// That a BMC had the request to cut power may be known only when the calls of a
// session that is complete are given up.
func TestFinalStatusHasThePowerCutsThatBecameKnownLater(t *testing.T) {
	s := newSite(t)
	cut := ForcedOff{Name: "x1c0s0b0n0", At: Stamp(t0), Reason: "it hung"}
	err := s.service.sessions.Insert(t.Context(), Session{Name: "s", Status: SessionStatus{Status: SessionComplete}, Saved: &ExtendedStatus{}, ForcedOff: []ForcedOff{cut}})
	if err != nil {
		t.Fatal(err)
	}
	if st, err := s.service.Status(t.Context(), "s", ""); err != nil || len(st.ForcedOff) != 1 || st.ForcedOff[0] != cut {
		t.Errorf("%+v %v", st, err)
	}
}
