package server

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/drover-hpc/drover/internal/store/lead"
)

// saidLeader is who leads, as a test says.
type saidLeader struct {
	mu      sync.Mutex
	state   lead.State
	changed chan struct{}
}

func (l *saidLeader) State() (lead.State, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state, l.changed
}

func (l *saidLeader) say(id, url string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = lead.State{Leader: lead.Member{ID: id, URL: url}}
	if l.changed != nil {
		close(l.changed)
	}
	l.changed = make(chan struct{})
}

// doubt has it say why it does not lead itself.
func (l *saidLeader) doubt(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.Err = err
}

// standby is a server that passes requests on.
func standby(t *testing.T, leader string) (*httptest.Server, *door, *saidLeader) {
	t.Helper()
	d, who := newDoor(func(*http.Request) string { return "drover" }, nil), &saidLeader{}
	who.say("leader", leader)
	d.member = who
	s := httptest.NewUnstartedServer(d)
	s.Listener = seeing{s.Listener, nil}
	s.Start()
	t.Cleanup(s.Close)
	return s, d, who
}

func answering(name string, seen chan<- *http.Request) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if seen != nil {
			seen <- r
		}
		io.WriteString(w, name)
	})
}

func answer(t *testing.T, method, url string) (status int, text string) {
	t.Helper()
	var body io.Reader
	if method != "GET" {
		body = strings.NewReader("{}")
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "drover.example.org"
	r.Header.Set("X-Forwarded-For", "10.1.1.1")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(got)
}

func TestStandbyPassesRequestsOn(t *testing.T) {
	seen := make(chan *http.Request, 1)
	leader := httptest.NewServer(answering("leader", seen))
	defer leader.Close()
	s, d, who := standby(t, leader.URL)
	if status, text := answer(t, "POST", s.URL+"/apis/bos/v2/sessions?a=b"); status != 200 || text != "leader" {
		t.Errorf("%d %s", status, text)
	}
	r := <-seen
	if r.URL.String() != "/apis/bos/v2/sessions?a=b" || r.Host != "drover.example.org" || r.Header.Get("X-Forwarded-For") != "10.1.1.1" {
		t.Errorf("the leader got %s %s %v", r.URL, r.Host, r.Header)
	}
	if status, text := answer(t, "GET", s.URL+"/readyz"); status != 200 || !strings.Contains(text, leader.URL) {
		t.Errorf("readyz: %d %s", status, text)
	}
	who.doubt(errors.New("too old to lead"))
	if status, text := answer(t, "GET", s.URL+"/readyz"); status != 200 || !strings.Contains(text, leader.URL) {
		t.Errorf("readyz of one that may not lead: %d %s", status, text)
	}
	who.say("", "")
	if status, text := answer(t, "GET", s.URL+"/readyz"); status != 503 || !strings.Contains(text, "no server leads") {
		t.Errorf("readyz where nobody leads: %d %s", status, text)
	}
	d.open(answering("own", nil))
	if _, text := answer(t, "GET", s.URL+"/apis/bos"); text != "own" {
		t.Errorf("once it leads: %s", text)
	}
}

// While the leader is gone and the next one not there yet, requests wait.
func TestRequestWaitsForTheNextLeader(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	next := httptest.NewServer(answering("next", nil))
	defer next.Close()
	s, _, who := standby(t, gone.URL)
	got := make(chan string)
	go func() {
		_, text := answer(t, "POST", s.URL+"/")
		got <- text
	}()
	who.say("next", next.URL)
	if text := <-got; text != "next" {
		t.Error(text)
	}
}

// A leader that stands still is not waited for once another leads; what changes
// something is not asked for twice.
func TestRequestLeavesALeaderThatStandsStill(t *testing.T) {
	for method, want := range map[string]string{"GET": "next", "POST": "may have done what was asked"} {
		t.Run(method, func(t *testing.T) {
			seen, over := make(chan *http.Request, 1), make(chan struct{})
			still := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				seen <- r
				<-over
			}))
			defer still.Close()
			defer close(over)
			next := httptest.NewServer(answering("next", nil))
			defer next.Close()
			s, _, who := standby(t, still.URL)
			got := make(chan string)
			go func() {
				_, text := answer(t, method, s.URL+"/")
				got <- text
			}()
			<-seen
			who.say("next", next.URL)
			if text := <-got; !strings.Contains(text, want) {
				t.Error(text)
			}
		})
	}
}

// A request whose client has gone meanwhile is not passed on.
func TestRequestOfAClientThatIsGoneIsDropped(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l = seeing{l, nil}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := httptest.NewRequest("PATCH", "/", nil)
	r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, conn.LocalAddr()))
	if clientGone(r) {
		t.Error("a client that waits is taken for one that has gone")
	}
	if _, err := io.WriteString(client, "the rest of a body"); err != nil {
		t.Fatal(err)
	}
	client.Close()
	poll := []unix.PollFd{{Fd: int32(fdOf(t, conn)), Events: unix.POLLRDHUP}}
	if n, err := unix.Poll(poll, 10_000); n != 1 { // its end has arrived
		t.Fatal(err)
	}
	if !clientGone(r) {
		t.Error("a client that has gone is not noticed")
	}
}

func fdOf(t *testing.T, conn net.Conn) (fd uintptr) {
	t.Helper()
	raw, err := conn.(*seen).socket.SyscallConn()
	if err == nil {
		err = raw.Control(func(f uintptr) { fd = f })
	}
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// A node behind a gateway is the same to the leader whichever server it came to.
func TestCallerIsTheSameByWayOfAnother(t *testing.T) {
	seen := make(chan *http.Request, 1)
	leader := httptest.NewServer(answering("leader", seen))
	defer leader.Close()
	s, _, _ := standby(t, leader.URL)
	for _, told := range []map[string]string{
		{"X-Forwarded-For": "10.9.9.9, 10.1.1.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "boot.example.org"},
		{},
	} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range told {
			r.Header.Set(name, value)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		got := (<-seen).Header
		if len(told) == 0 {
			told = map[string]string{"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http"}
		}
		for name, want := range told {
			if got.Get(name) != want {
				t.Errorf("%s: %q, want %q", name, got.Get(name), want)
			}
		}
	}
}

func TestNobodyLeads(t *testing.T) {
	d := newDoor(func(*http.Request) string { return "drover" }, nil)
	for _, c := range []struct {
		state lead.State
		want  string
	}{
		{lead.State{Err: errors.New("no way to the database")}, "no way to the database"},
		{lead.State{Leader: lead.Member{ID: "one"}}, "--peer-url"},
		{lead.State{Leader: lead.Member{ID: "one", URL: "http://one"}}, "http://one, does not answer"},
		{lead.State{}, "still starting"},
	} {
		if got := d.nobody(c.state).Error(); !strings.Contains(got, c.want) {
			t.Errorf("%+v: %s", c.state, got)
		}
	}
}

// What changes something elsewhere is not sent by a server that does not lead.
func TestOnlyTheLeaderChangesWhatIsElsewhere(t *testing.T) {
	seen := make(chan *http.Request, 1)
	pcs := httptest.NewServer(answering("pcs", seen))
	defer pcs.Close()
	refused := errors.New("another leads")
	client := http.Client{Transport: leading{func(context.Context) error { return refused }, http.DefaultTransport}, Timeout: time.Minute}
	if _, err := client.Post(pcs.URL+"/transitions", "application/json", nil); !errors.Is(err, refused) {
		t.Error(err)
	}
	resp, err := client.Get(pcs.URL + "/power-status")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if r := <-seen; r.Method != "GET" {
		t.Errorf("%s was sent", r.Method)
	}
}
