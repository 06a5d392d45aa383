package redfish_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/redfish"
)

// sessionOnly is a BMC that takes no Basic authentication.
type sessionOnly struct {
	bmc
	password                string
	opened, closed, refused atomic.Int32
}

func (s *sessionOnly) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token := fmt.Sprint("t", s.opened.Load())
	switch {
	case r.URL.Path == "/redfish/v1/":
		io.WriteString(w, `{"Links":{"Sessions":{"@odata.id":"/redfish/v1/elsewhere/Sessions"}},"Systems":{"@odata.id":"/redfish/v1/Systems"}}`)
	case r.Method == http.MethodPost && r.URL.Path == "/redfish/v1/elsewhere/Sessions":
		body, _ := io.ReadAll(r.Body)
		if string(body) != `{"UserName":"root","Password":"`+s.password+`"}` {
			s.refused.Add(1)
			http.Error(w, `{"error":{"message":"Wrong password"}}`, http.StatusUnauthorized)
			return
		}
		w.Header().Set("X-Auth-Token", fmt.Sprint("t", s.opened.Add(1)))
		w.Header().Set("Location", "https://bmc.example/redfish/v1/elsewhere/Sessions/1")
		w.WriteHeader(http.StatusCreated)
	case r.Header.Get("X-Auth-Token") != token:
		http.Error(w, `{"error":{"message":"No valid session"}}`, http.StatusUnauthorized)
	case r.Method == http.MethodDelete && r.URL.Path == "/redfish/v1/elsewhere/Sessions/1":
		s.closed.Add(1)
		w.WriteHeader(http.StatusNoContent)
	default:
		r.SetBasicAuth(login.Username, login.Password)
		s.bmc.ServeHTTP(w, r)
	}
}

func TestSessionLoginWhereBasicIsOff(t *testing.T) {
	s := &sessionOnly{bmc: card, password: login.Password}
	d, at := redfish.New(4), serve(t, s)
	if inv, err := d.Walk(t.Context(), at, login); err != nil || len(inv.Systems) != 2 {
		t.Fatalf("%+v, %v", inv, err)
	}
	for range 2 {
		if state, err := d.PowerState(t.Context(), at, login, "/redfish/v1/Systems/Node0"); err != nil || state != "Off" {
			t.Errorf("%q, %v", state, err)
		}
	}
	if n := s.opened.Load(); n != 1 {
		t.Errorf("%d sessions opened for many requests, want 1", n)
	}
	s.opened.Add(1) // the BMC forgot it
	if state, err := d.PowerState(t.Context(), at, login, "/redfish/v1/Systems/Node0"); err != nil || state != "Off" {
		t.Errorf("after the session's end: %q, %v", state, err)
	}
	d.Close()
	if s.closed.Load() != 1 {
		t.Error("the session was left open")
	}
}

// BMCs lock accounts after a few wrong passwords.
func TestAWrongPasswordIsTriedAsSessionOnce(t *testing.T) {
	s := &sessionOnly{bmc: card, password: "another"}
	d, at := redfish.New(4), serve(t, s)
	for range 3 {
		_, err := d.PowerState(t.Context(), at, login, "/redfish/v1/Systems/Node0")
		var refused *redfish.Error
		if !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized {
			t.Errorf("wrong password: %v", err)
		}
	}
	if n := s.refused.Load(); n != 1 {
		t.Errorf("%d tries, want 1", n)
	}
}

func TestIfMatchWhereDemanded(t *testing.T) {
	for name, tt := range map[string]struct {
		status       int
		header, body string
		want         string
	}{
		"428, in the header":    {428, `"7"`, `{}`, `"7"`},
		"412, in the header":    {412, `W/"7"`, `{}`, `W/"7"`},
		"428, in the resource":  {428, "", `{"@odata.etag":"\"8\""}`, `"8"`},
		"412, not told at all":  {412, "", `{}`, "*"},
		"428, no resource read": {428, "", `no JSON`, "*"},
	} {
		t.Run(name, func(t *testing.T) {
			var taken atomic.Int32
			at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Method == http.MethodGet && r.URL.Path == "/redfish/v1/Systems/1":
					if tt.header != "" {
						w.Header().Set("ETag", tt.header)
					}
					io.WriteString(w, tt.body)
				case r.Header.Get("If-Match") != tt.want:
					w.WriteHeader(tt.status)
				default:
					taken.Add(1)
					w.WriteHeader(http.StatusNoContent)
				}
			}))
			err := redfish.New(1).Reset(t.Context(), at, login, "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset", "On")
			if err != nil || taken.Load() != 1 {
				t.Errorf("%v, taken %d times", err, taken.Load())
			}
		})
	}
}

func TestTheTaskOfAReset(t *testing.T) {
	failed := `{"TaskState":"Exception","Messages":[{"Message":"Fan 3 is broken."}]}`
	for name, tt := range map[string]struct {
		status []int // of the monitor, the last one for ever
		body   string
		want   string
	}{
		"done":                     {[]int{202, 204}, "", ""},
		"done, and a Task":         {[]int{202, 200}, `{"TaskState":"Completed"}`, ""},
		"goes on":                  {[]int{202}, "", ""},
		"goes on, and a Task":      {[]int{200}, `{"TaskState":"Running"}`, ""},
		"is forgotten":             {[]int{202, 404}, "", ""},
		"busy, then failed":        {[]int{503, 202, 200}, failed, "Fan 3 is broken."},
		"answers as the operation": {[]int{202, 400}, said("Base.1.8.Odd", "No."), "No."},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					w.Header().Set("Location", "/redfish/v1/TaskMonitors/1")
					w.WriteHeader(http.StatusAccepted)
					return
				}
				if r.URL.Path != "/redfish/v1/TaskMonitors/1" {
					t.Errorf("asked for %s", r.URL.Path)
				}
				w.WriteHeader(tt.status[min(asked, len(tt.status)-1)])
				asked++
				io.WriteString(w, tt.body)
			}))
			d := redfish.New(1)
			redfish.PauseWith(d, func(context.Context, time.Duration) error { return nil })
			err := d.Reset(t.Context(), at, login, "/a/Actions/Reset", "On")
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || redfish.VerdictOf(err) != redfish.Refused) {
				t.Errorf("%v, want %q", err, tt.want)
			}
			if asked > 20 {
				t.Errorf("asked %d times", asked)
			}
		})
	}
}

func TestHTTPSOnLoopbackByScheme(t *testing.T) {
	s := httptest.NewTLSServer(card)
	t.Cleanup(s.Close)
	d := redfish.New(1)
	d.Know(redfish.Certificates{Any: true})
	if got, err := d.PowerState(t.Context(), "https://"+address(s), login, "/redfish/v1/Systems/Node0"); err != nil || got != "Off" {
		t.Errorf("got %q, %v", got, err)
	}
}

// with is the card with other documents.
func with(other bmc) bmc {
	all := maps.Clone(card)
	maps.Copy(all, other)
	return all
}

// breaking answers for some paths in another way.
func breaking(b bmc, broken map[string]http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if answer := broken[strings.TrimSuffix(r.URL.Path, "/")]; answer != nil {
			answer(w, r)
			return
		}
		b.ServeHTTP(w, r)
	}
}

var (
	fails   = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "out of memory", 500) }
	garbage = func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"Id":`) }
	odd     = func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"MACAddress":5,"Model":7}`) }
	silent  = func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
)

func TestOneBadResourceDoesNotLoseTheBMC(t *testing.T) {
	noPause := func(context.Context, time.Duration) error { return nil }
	for name, tt := range map[string]struct {
		path   string
		answer http.HandlerFunc
		words  string
	}{
		"NIC":            {"/redfish/v1/Systems/Node0/EthernetInterfaces/Management", fails, "500 Internal Server Error to GET /redfish/v1/Systems/Node0/EthernetInterfaces/Management: out of memory"},
		"silent NIC":     {"/redfish/v1/Systems/Node0/EthernetInterfaces/Management", silent, "EOF"},
		"NIC of the BMC": {"/redfish/v1/Managers/BMC/EthernetInterfaces/eth0", odd, "MACAddress"},
		"chassis":        {"/redfish/v1/Chassis/Enclosure", http.NotFound, "404"},
		"all chassis":    {"/redfish/v1/Chassis", fails, "500"},
		"processor":      {"/redfish/v1/Systems/Node0/Processors/P0", garbage, "JSON"},
		"manager":        {"/redfish/v1/Managers/BMC", fails, "500"},
		"odd system":     {"/redfish/v1/Systems/Node1", odd, "Model"},
	} {
		t.Run(name, func(t *testing.T) {
			d := redfish.New(4)
			redfish.PauseWith(d, noPause)
			inv, err := d.Walk(t.Context(), serve(t, breaking(card, map[string]http.HandlerFunc{tt.path: tt.answer})), login)
			if err != nil || len(inv.Systems) != 2 || inv.Systems[0].PowerState != "Off" {
				t.Fatalf("%+v, %v", inv, err)
			}
			if len(inv.Problems) != 1 || inv.Problems[0].Path != tt.path || !strings.Contains(inv.Problems[0].Text, tt.words) {
				t.Errorf("problems %+v", inv.Problems)
			}
		})
	}
}

// Nodes are numbered in the order of the systems: one that is left out would
// give its name to the next.
func TestASystemThatCannotBeReadEndsTheWalk(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{"fails": fails, "lost": http.NotFound, "garbage": garbage, "silent": silent} {
		_, err := redfish.New(4).Walk(t.Context(), serve(t, breaking(card, map[string]http.HandlerFunc{"/redfish/v1/Systems/Node0": answer})), login)
		if err == nil || !strings.Contains(redfish.Describe(err), "/redfish/v1/Systems/Node0") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestABMCThatDoesNotAnswerIsToldOfOnce(t *testing.T) {
	_, err := redfish.New(4).Walk(t.Context(), "127.0.0.1:1", login)
	const want = "no answer to GET http://127.0.0.1:1/redfish/v1/: dial tcp 127.0.0.1:1: connect: connection refused"
	if got := redfish.Describe(err); got != want {
		t.Errorf("%s; want %s", got, want)
	}
}

func TestABMCThatGoesAwayEndsTheWalk(t *testing.T) {
	gone := map[string]http.HandlerFunc{}
	for path := range card {
		if strings.HasPrefix(path, "/redfish/v1/Systems/Node0/") {
			gone[path] = silent
		}
	}
	if inv, err := redfish.New(4).Walk(t.Context(), serve(t, breaking(card, gone)), login); err == nil {
		t.Errorf("walked to the end: %+v", inv)
	}
}

func TestABusyBMCIsWaitedFor(t *testing.T) {
	for name, tt := range map[string]struct {
		times      int
		retryAfter string
		waits      bool
	}{"told how long": {3, "7", true}, "not told": {5, "", true}, "for too long": {1, "3600", false}, "for ever": {1 << 30, "9", false}} {
		t.Run(name, func(t *testing.T) {
			left := tt.times
			at := serve(t, breaking(card, map[string]http.HandlerFunc{"/redfish/v1/Systems": func(w http.ResponseWriter, r *http.Request) {
				if left--; left < 0 {
					card.ServeHTTP(w, r)
					return
				}
				w.Header().Set("Retry-After", tt.retryAfter)
				w.WriteHeader(http.StatusServiceUnavailable)
			}}))
			d := redfish.New(4)
			var waited time.Duration
			redfish.PauseWith(d, func(_ context.Context, wait time.Duration) error { waited += wait; return nil })
			inv, err := d.Walk(t.Context(), at, login)
			if (err == nil) != tt.waits || tt.waits && len(inv.Systems) != 2 {
				t.Errorf("%+v, %v", inv, err)
			}
			if tt.retryAfter == "7" && waited != 21*time.Second || waited > time.Minute {
				t.Errorf("waited %v", waited)
			}
		})
	}
}

func TestNumbersInPathsSortAsNumbers(t *testing.T) {
	members, b := []string{}, with(nil)
	for i := 11; i >= 0; i-- {
		path := fmt.Sprint("/redfish/v1/Systems/", i)
		members, b[path] = append(members, fmt.Sprintf(`{"@odata.id":%q}`, path)), `{}`
	}
	b["/redfish/v1/Systems"] = `{"Members":[` + strings.Join(members, ",") + `]}`
	inv, err := redfish.New(4).Walk(t.Context(), serve(t, b), login)
	if err != nil || len(inv.Systems) != 12 {
		t.Fatalf("%+v, %v", inv, err)
	}
	for i := range inv.Systems {
		if inv.Systems[i].ID != fmt.Sprint(i) {
			t.Errorf("system %s at place %d", inv.Systems[i].ID, i)
		}
	}
}
