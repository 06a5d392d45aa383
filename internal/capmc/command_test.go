package capmc_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/pcs"
)

// ask makes a call and returns the status and the answer, without blanks.
func (w *world) ask(method, path, body string) (int, string) {
	w.t.Helper()
	r := httptest.NewRequest(method, "/capmc/v1"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	w.mux.ServeHTTP(rec, r)
	if media := rec.Header().Get("Content-Type"); rec.Body.Len() > 0 && media != "application/json" {
		w.t.Errorf("%s %s: answered as %s", method, path, media)
	}
	var doc map[string]any
	if rec.Body.Len() > 0 && json.Unmarshal(rec.Body.Bytes(), &doc) != nil {
		w.t.Fatalf("%s %s: no JSON: %s", method, path, rec.Body)
	}
	delete(doc, "$schema")
	text, _ := json.Marshal(doc)
	return rec.Code, string(text)
}

// does checks a call's answer: its status, and that it contains the text.
func (w *world) does(path, body string, status int, contains string) {
	w.t.Helper()
	if code, text := w.ask("POST", path, body); code != status || !strings.Contains(text, contains) {
		w.t.Errorf("%s %s:\n got %d %s\nwant %d %s", path, body, code, text, status, contains)
	}
}

const fine = `{"e":0,"err_msg":""}`

func TestCommandsBecomeTransitions(t *testing.T) {
	one := func(more string) string { return fmt.Sprintf(`{"xnames":[%q]%s}`, n0, more) }
	for name, tt := range map[string]struct{ path, body, sent string }{
		"on":                     {"/xname_on", one(""), "On " + n0},
		"on by force":            {"/xname_on", one(`,"force":true`), "On " + n0},
		"off":                    {"/xname_off", one(`,"reason":"r"`), "Off " + n0},
		"off by force":           {"/xname_off", one(`,"force":true`), "Force-Off " + n0},
		"reinit":                 {"/xname_reinit", one(""), "Off " + n0 + "; On " + n0},
		"reinit by force":        {"/xname_reinit", one(`,"force":true`), "Force-Off " + n0 + "; On " + n0},
		"in another spelling":    {"/xname_on", `{"xnames":["X1C0S0B0N00"]}`, "On " + n0},
		"twice, tolerated":       {"/xname_on", fmt.Sprintf(`{"xnames":[%q,%q],"force":true}`, n0, n0), "On " + n0},
		"with all below":         {"/xname_on", `{"xnames":["x1c0s0"],"recursive":true}`, "On x1c0s0,x1c0s0b0n0,x1c0s0b0n1"},
		"disabled ones below":    {"/xname_on", `{"xnames":["x1c0s1"],"recursive":true}`, "On x1c0s1,x1c0s1b0n0"},
		"below a cabinet":        {"/xname_off", `{"xnames":["x1"],"recursive":true}`, "Off x1c0,x1c0s0,x1c0s0b0n0,x1c0s0b0n1,x1c0s1,x1c0s1b0n0"},
		"with all above":         {"/xname_on", one(`,"prereq":true`), "On x1c0,x1c0s0,x1c0s0b0n0"},
		"off, with all above":    {"/xname_off", one(`,"prereq":true`), "Off x1c0,x1c0s0,x1c0s0b0n0"},
		"everything":             {"/xname_on", `{"xnames":["s0"]}`, "On x1c0,x1c0s0,x1c0s0b0n0,x1c0s0b0n1,x1c0s1,x1c0s1b0n0"},
		"everything, all":        {"/xname_on", `{"xnames":["all"]}`, "On x1c0,x1c0s0,x1c0s0b0n0,x1c0s0b0n1,x1c0s1,x1c0s1b0n0"},
		"an unknown member":      {"/xname_on", one(`,"colour":"red"`), "On " + n0},
		"by NID":                 {"/node_off", `{"nids":[2,1]}`, "Off x1c0s0b0n0,x1c0s0b0n1"},
		"by NID, reinit, forced": {"/node_reinit", `{"nids":[3],"force":true}`, "Force-Off " + n2 + "; On " + n2},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			want := fine
			if strings.HasPrefix(tt.path, "/node") {
				want = `{"e":0,"err_msg":"","nids":[]}`
			}
			w.does(tt.path, tt.body, 200, want)
			if got := w.pcs.was(); got != tt.sent {
				t.Errorf("sent %q, want %q", got, tt.sent)
			}
			if left := w.hsm.reserved(); len(left) != 0 {
				t.Errorf("still reserved: %v", left)
			}
		})
	}
}

func TestARequestThatIsWrongSaysWhyAndDoesNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		path, body string
		status     int
		want       string
	}{
		"no JSON":          {"/xname_on", `{"xnames":`, 400, `"e":400,"err_msg":"Bad Request: unexpected end of JSON input"`},
		"wrong type":       {"/xname_on", `{"xnames":"x1"}`, 400, "Bad Request: json: cannot unmarshal string"},
		"no body":          {"/xname_off", ``, 400, "Required xnames list is empty"},
		"empty list":       {"/xname_reinit", `{"xnames":[]}`, 400, "Required xnames list is empty"},
		"no name":          {"/xname_on", `{"xnames":["foo","x1c0s0b0n0"]}`, 400, `{"e":22,"err_msg":"invalid/duplicate xnames: [foo]","xnames":[{"e":22,"err_msg":"Invalid xname","xname":"foo"}]}`},
		"twice":            {"/xname_on", `{"xnames":["x1c0s0b0n0","x1c0s0b0n0"]}`, 400, `"err_msg":"Duplicate xname"`},
		"up and down":      {"/xname_on", `{"xnames":["x1c0s0b0n0"],"recursive":true,"prereq":true}`, 400, "mutually exclusive"},
		"disabled":         {"/xname_on", `{"xnames":["x1c0s0b0n0","x1c0s1b0n1"]}`, 400, `"e":400,"err_msg":"Bad Request: components disabled: [x1c0s1b0n1]"`},
		"not there":        {"/xname_on", `{"xnames":["x1c0s0b0n0","x9c0s0b0n0"]}`, 400, "disabled or not found: [x9c0s0b0n0]"},
		"none is left":     {"/xname_on", `{"xnames":["x1c0s1b0n1","x9c0s0b0n0"],"continue":true}`, 404, `"e":404`},
		"no NIDs":          {"/node_on", `{"nids":[]}`, 400, "nids list is empty"},
		"NID twice":        {"/node_on", `{"nids":[1,1]}`, 400, `"nids":[{"e":22,"err_msg":"Duplicate NID","nid":1}]`},
		"no such NID":      {"/node_off", `{"nids":[1,77]}`, 400, `"nids":[{"e":22,"err_msg":"Undefined NID","nid":77}]`},
		"negative NID":     {"/get_nid_map", `{"nids":[-1]}`, 400, "Invalid NID"},
		"no power control": {"/xname_on", `{"xnames":["x1c0s0b0"]}`, 200, `{"e":-1,"err_msg":"Errors encountered with 1/1 Xnames issued On","xnames":[{"e":-1,"err_msg":"a NodeBMC has no power control","xname":"x1c0s0b0"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.does(tt.path, tt.body, tt.status, tt.want)
			if got := w.pcs.was(); got != "" || len(w.hsm.reserved()) != 0 {
				t.Errorf("sent %q, reserved %v", got, w.hsm.reserved())
			}
		})
	}
}

func TestContinueGoesOnWithTheValidNames(t *testing.T) {
	w := newWorld(t)
	w.does("/xname_on", `{"xnames":["foo","x1c0s0b0n0","x1c0s0b0n0","x1c0s1b0n1","x9c0s0b0n0"],"continue":true}`, 200,
		`{"e":0,"err_msg":"","xnames":[{"e":22,"err_msg":"Invalid xname","xname":"foo"},{"e":22,"err_msg":"Duplicate xname","xname":"x1c0s0b0n0"},`+
			`{"e":400,"err_msg":"Component disabled","xname":"x1c0s1b0n1"},{"e":404,"err_msg":"Component not found","xname":"x9c0s0b0n0"}]}`)
	if got := w.pcs.was(); got != "On "+n0 {
		t.Errorf("sent %q", got)
	}
}

func TestEachComponentThatFailedIsNamed(t *testing.T) {
	w := newWorld(t)
	w.pcs.fails[n1] = pcs.Task{TaskStatus: pcs.TaskFailed, Error: "BMC answered 500: fan 3 is broken", Failure: pcs.FailureRefused}
	w.pcs.fails[n2] = pcs.Task{TaskStatus: pcs.TaskFailed, Error: "another transition drives the component", Failure: pcs.FailureReserved}
	w.pcs.fails[slot0] = pcs.Task{TaskStatus: pcs.TaskUnsupported, TaskStatusDescription: "Power control not supported"}
	w.does("/xname_on", fmt.Sprintf(`{"xnames":[%q,%q,%q,%q]}`, n0, n1, n2, slot0), 200,
		`{"e":-1,"err_msg":"Errors encountered with 3/4 Xnames issued On","xnames":[{"e":-1,"err_msg":"Power control not supported","xname":"x1c0s0"},`+
			`{"e":-1,"err_msg":"BMC answered 500: fan 3 is broken","xname":"x1c0s0b0n1"},{"e":37,"err_msg":"another transition drives the component","xname":"x1c0s1b0n0"}]}`)
	w.does("/node_on", `{"nids":[2]}`, 200, `"nids":[{"e":-1,"err_msg":"BMC answered 500: fan 3 is broken","nid":2}]`)
}

func TestAReinitTurnsOnOnlyWhatWentOff(t *testing.T) {
	w := newWorld(t)
	w.pcs.fails[n1] = pcs.Task{TaskStatus: pcs.TaskFailed, Error: "stuck"}
	w.does("/xname_reinit", fmt.Sprintf(`{"xnames":[%q,%q]}`, n0, n1), 200, `{"e":-1,"err_msg":"Errors encountered with 1/2 Xnames issued Reinit","xnames":[{"e":-1,"err_msg":"stuck","xname":"x1c0s0b0n1"}]}`)
	if got := w.pcs.was(); got != "Off x1c0s0b0n0,x1c0s0b0n1; On x1c0s0b0n0" {
		t.Errorf("sent %q", got)
	}
}

func TestComponentsThatCannotBeReserved(t *testing.T) {
	w := newWorld(t)
	w.hsm.locked[n1] = true
	both := fmt.Sprintf(`"xnames":[%q,%q]`, n0, n1)
	w.does("/xname_on", "{"+both+"}", 200, `{"e":37,"err_msg":"Error: Failed to reserve components while performing a On.","xnames":[{"e":37,"err_msg":"not reserved: Locked","xname":"x1c0s0b0n1"}]}`)
	w.does("/xname_off", `{"xnames":["x1c0s0"]}`, 200, `{"e":37`) // a node below is locked
	if got := w.pcs.was(); got != "" || len(w.hsm.reserved()) != 0 {
		t.Errorf("sent %q, reserved %v", got, w.hsm.reserved())
	}
	w.does("/xname_off", "{"+both+`,"continue":true}`, 200, `{"e":-1,"err_msg":"Errors encountered with 1/2 Xnames issued Off","xnames":[{"e":37`)
	if got := w.pcs.was(); got != "Off "+n0 {
		t.Errorf("sent %q", got)
	}
}

// A command that takes long is answered when PCS has begun with everything. A
// component stays reserved until the command is over for it, and no longer.
func TestALongCommandIsAnsweredEarly(t *testing.T) {
	w := newWorld(t)
	w.pcs.slow[pcs.Off] = true
	w.pcs.fails[n1] = pcs.Task{TaskStatus: pcs.TaskFailed, Error: "no route"}
	w.does("/xname_off", fmt.Sprintf(`{"xnames":[%q,%q,%q]}`, n0, n1, n2), 200, `"xnames":[{"e":-1,"err_msg":"no route","xname":"x1c0s0b0n1"}]`)
	reserved := func(want ...string) {
		t.Helper()
		w.eventually("reserved "+strings.Join(want, " "), func() bool { return slices.Equal(w.hsm.reserved(), want) })
	}
	reserved(n0, n2)
	w.pcs.settle("1", n2)
	reserved(n0)
	w.service.Stop()
	w.start() // what it let go it does not take again
	reserved(n0)
	w.pcs.end("1", pcs.TransitionCompleted, pcs.TaskSucceeded)
	reserved()
}

// What is below a component stays reserved with it, and all of it between the
// steps of a command.
func TestReservationsThatACommandStillNeedsStay(t *testing.T) {
	w := newWorld(t)
	w.pcs.slow[pcs.Off] = true
	w.pcs.slow[pcs.On] = true
	w.pcs.fails[n2] = pcs.Task{TaskStatus: pcs.TaskSucceeded}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		w.ask("POST", "/xname_reinit", fmt.Sprintf(`{"xnames":[%q,%q]}`, slot0, n2))
	}()
	w.eventually("it goes off", func() bool { return w.pcs.was() != "" })
	all := strings.Join(w.hsm.reserved(), " ")
	if !strings.Contains(all, n0) || !strings.Contains(all, n2) {
		t.Fatalf("reserved %s", all)
	}
	looks := w.pcs.looks("1")
	w.eventually("it is looked at again and again", func() bool { return w.pcs.looks("1") > looks+2 })
	if got := strings.Join(w.hsm.reserved(), " "); got != all {
		t.Errorf("in the first of two steps reserved %s, expected %s", got, all)
	}
	w.pcs.end("1", pcs.TransitionCompleted, pcs.TaskSucceeded)
	w.eventually("what came on is let go", func() bool { return !slices.Contains(w.hsm.reserved(), n2) })
	if got := strings.Join(w.hsm.reserved(), " "); !strings.Contains(got, slot0) || !strings.Contains(got, n0) {
		t.Errorf("in the last step reserved %s, expected %s and what is below", got, slot0)
	}
	w.pcs.end("2", pcs.TransitionCompleted, pcs.TaskSucceeded)
	w.eventually("no reservation is left", func() bool { return len(w.hsm.reserved()) == 0 })
	<-answered
}

// What PCS still does gently does not keep a forced command from being carried
// out, which shares its reservations.
func TestAForcedCommandSupersedesAGentleOne(t *testing.T) {
	w := newWorld(t)
	w.pcs.slow[pcs.Off] = true
	w.does("/xname_off", fmt.Sprintf(`{"xnames":[%q]}`, n0), 200, fine)
	w.does("/xname_off", fmt.Sprintf(`{"xnames":[%q],"force":true}`, n0), 200, fine)
	if got := w.pcs.was(); got != "Off "+n0+"; Force-Off "+n0 || w.pcs.trs["1"].TransitionStatus != pcs.TransitionAborted {
		t.Errorf("sent %q, the first is %s", got, w.pcs.trs["1"].TransitionStatus)
	}
	w.eventually("the reservations are released", func() bool { return len(w.hsm.reserved()) == 0 })
	// One that does more than what is to be forced is left alone.
	w.does("/xname_off", fmt.Sprintf(`{"xnames":[%q,%q]}`, n0, n1), 200, fine)
	w.does("/xname_off", fmt.Sprintf(`{"xnames":[%q],"force":true}`, n0), 200, fine)
	if got := w.pcs.trs["3"].TransitionStatus; got != pcs.TransitionInProgress {
		t.Errorf("the other is %s", got)
	}
}

// A command that is sent again, as after a restart that lost its answer, shares
// what PCS does for the first: PCS would refuse a second transition.
func TestARepeatedCommandSharesTheTransition(t *testing.T) {
	w := newWorld(t)
	w.pcs.slow[pcs.On] = true
	w.does("/xname_on", fmt.Sprintf(`{"xnames":[%q,%q]}`, n0, n1), 200, fine)
	w.service.Stop()
	w.start()
	w.does("/xname_on", fmt.Sprintf(`{"xnames":[%q]}`, n1), 200, fine)
	if got := w.pcs.was(); got != "On "+n0+","+n1 {
		t.Errorf("sent %q", got)
	}
	w.does("/xname_on", fmt.Sprintf(`{"xnames":[%q,%q]}`, n1, n2), 200, fine) // does more
	if got := w.pcs.was(); !strings.HasSuffix(got, "; On "+n1+","+n2) {
		t.Errorf("sent %q", got)
	}
	w.pcs.end("2", pcs.TransitionCompleted, pcs.TaskSucceeded)
	w.pcs.end("1", pcs.TransitionCompleted, pcs.TaskFailed)
	w.eventually("the reservations are released", func() bool { return len(w.hsm.reserved()) == 0 })
}

// A forced command supersedes a gentle one that an earlier process began, too.
func TestAForcedCommandSupersedesAGentleOneAfterARestart(t *testing.T) {
	w := newWorld(t)
	w.pcs.slow[pcs.Off] = true
	w.does("/xname_off", fmt.Sprintf(`{"xnames":[%q]}`, n0), 200, fine)
	w.service.Stop()
	w.start()
	w.does("/xname_off", fmt.Sprintf(`{"xnames":[%q],"force":true}`, n0), 200, fine)
	if got := w.pcs.trs["1"].TransitionStatus; got != pcs.TransitionAborted {
		t.Errorf("the first is %s", got)
	}
}

// A restart goes on with a command: a node that a reinit turned off comes on,
// and no reservation is left.
func TestARestartGoesOnWithACommand(t *testing.T) {
	w := newWorld(t)
	w.pcs.slow[pcs.ForceOff] = true
	answered := make(chan string)
	go func() {
		_, text := w.ask("POST", "/xname_reinit", fmt.Sprintf(`{"xnames":[%q],"force":true}`, n0))
		answered <- text
	}()
	w.eventually("the node goes off", func() bool { return w.pcs.was() == "Force-Off "+n0 })
	w.service.Stop()
	if text := <-answered; !strings.Contains(text, `"e":503`) {
		t.Errorf("at the stop %s", text)
	}
	w.does("/xname_on", fmt.Sprintf(`{"xnames":[%q]}`, n1), 503, "stopping")
	w.start()
	w.eventually("the reservation is renewed", func() bool {
		w.hsm.mu.Lock()
		defer w.hsm.mu.Unlock()
		return w.hsm.renewed > 0
	})
	w.pcs.end("1", pcs.TransitionCompleted, pcs.TaskSucceeded)
	w.eventually("the node comes on", func() bool { return strings.HasPrefix(w.pcs.was(), "Force-Off "+n0+"; On "+n0) })
	w.eventually("no reservation is left", func() bool { return len(w.hsm.reserved()) == 0 })
}

func TestServicesBelowThatDoNotAnswer(t *testing.T) {
	w := newWorld(t)
	if code, text := w.ask("GET", "/health", ""); code != 200 || !strings.Contains(text, `"readiness":"Ready"`) {
		t.Errorf("%d %s", code, text)
	}
	w.pcs.away = true
	w.does("/xname_on", fmt.Sprintf(`{"xnames":[%q]}`, n0), 200, `"err_msg":"PCS does not take the command: call PCS: no route","xname":"x1c0s0b0n0"`)
	w.does("/get_xname_status", `{}`, 503, `"e":503,"err_msg":"Error: PCS does not answer`)
	if code, text := w.ask("GET", "/health", ""); code != 200 || !strings.Contains(text, `"readiness":"Service Degraded"`) || !strings.Contains(text, "no route") {
		t.Errorf("%d %s", code, text)
	}
	if code, _ := w.ask("GET", "/readiness", ""); code != 503 {
		t.Errorf("readiness %d", code)
	}
	w.pcs.away, w.hsm.silent = false, true
	w.does("/xname_on", fmt.Sprintf(`{"xnames":[%q]}`, n0), 503, "HSM does not answer")
	w.hsm.silent = false
	if code, _ := w.ask("GET", "/readiness", ""); code != 204 {
		t.Errorf("readiness %d", code)
	}
}

func TestOtherMethodsAreRefusedInThisForm(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct{ method, path, allow string }{{"GET", "/xname_on", "POST"}, {"DELETE", "/get_power_cap", "POST"}, {"POST", "/health", "GET"}} {
		rec := httptest.NewRecorder()
		w.mux.ServeHTTP(rec, httptest.NewRequestWithContext(context.Background(), tt.method, "/capmc/v1"+tt.path, nil))
		if rec.Code != 405 || rec.Header().Get("Allow") != tt.allow || !strings.Contains(rec.Body.String(), fmt.Sprintf(`"e":405,"err_msg":"(%s) Not Allowed"`, tt.method)) {
			t.Errorf("%s %s: %d %v %s", tt.method, tt.path, rec.Code, rec.Header(), rec.Body)
		}
	}
}
