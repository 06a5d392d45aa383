package redfish_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/drover-hpc/drover/internal/redfish"
)

// script is a BMC that deals with each request as is drawn: it answers, answers
// and closes, or closes without an answer.
type script struct {
	mu     sync.Mutex
	acts   []string
	bodies map[string]int // of resets, how often each came
	reads  int
}

func (s *script) next() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.acts) == 0 {
		return "answer"
	}
	act := s.acts[0]
	s.acts = s.acts[1:]
	return act
}

func (s *script) serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go s.talk(c)
	}
}

func (s *script) talk(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		s.mu.Lock()
		if r.Method == http.MethodPost {
			s.bodies[string(body)]++
		} else {
			s.reads++
		}
		s.mu.Unlock()
		act := s.next()
		if act == "reset" {
			c.(*net.TCPConn).SetLinger(0)
		}
		if act == "cut" || act == "reset" {
			return
		}
		if act == "half" {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Le")
			return
		}
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"PowerState\":\"Off\"}")
		switch act {
		case "close": // without saying so: the next request meets it
			return
		case "unasked":
			io.WriteString(c, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
			return
		}
	}
}

// Whenever the BMC closes its connections: a reset is never sent twice, one
// that succeeds was sent, and one that is told not to have been sent was not. A
// look is repeated once.
func TestAResetIsNeverSentTwice(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := &script{bodies: map[string]int{},
			acts: rapid.SliceOfN(rapid.SampledFrom([]string{"answer", "answer", "close", "cut", "reset", "half", "unasked"}), 0, 12).Draw(rt, "acts")}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			rt.Fatal(err)
		}
		defer l.Close()
		go s.serve(l)
		d := redfish.New(2)
		defer d.Close()
		for i, isReset := range rapid.SliceOfN(rapid.Bool(), 1, 12).Draw(rt, "resets") {
			if !isReset {
				s.mu.Lock()
				before := s.reads
				s.mu.Unlock()
				_, err := d.PowerState(context.Background(), l.Addr().String(), login, systemPath)
				s.mu.Lock()
				n := s.reads - before
				var timedOut *redfish.Error // said before the look was sent, and read after
				if n > 2 || n == 0 && (!errors.As(err, &timedOut) || timedOut.Status != http.StatusRequestTimeout) {
					rt.Errorf("a look was sent %d times: %v", n, err)
				}
				s.mu.Unlock()
				continue
			}
			kind := fmt.Sprint("Reset", i)
			err := d.Reset(context.Background(), l.Addr().String(), login, resetPath, kind)
			s.mu.Lock()
			switch n := s.bodies[`{"ResetType":"`+kind+`"}`]; {
			case n > 1:
				rt.Errorf("a reset was sent %d times", n)
			case err == nil && n != 1:
				rt.Error("a reset succeeded that was not sent")
			case err != nil && redfish.NotTaken(err) && n != 0:
				rt.Errorf("a reset that was sent is told not to have been: %v", err)
			}
			s.mu.Unlock()
		}
	})
}

// What a BMC closed long ago costs no reset: it is noticed before it is sent.
func TestAResetAfterTheBMCClosedTheConnectionIsSentOnANewOne(t *testing.T) {
	for _, act := range []string{"close", "unasked"} {
		t.Run(act, func(t *testing.T) {
			s := &script{bodies: map[string]int{}, acts: []string{act}}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			var over sync.WaitGroup
			over.Go(func() {
				c, err := l.Accept()
				if err != nil {
					return
				}
				s.talk(c) // to its end
				over.Go(func() { s.serve(l) })
			})
			d := redfish.New(1)
			t.Cleanup(d.Close)
			at := l.Addr().String()
			look(t, d, at)
			eventually(t, "the connection is seen to be closed", func() bool { return redfish.Stale(d, at) })
			if err := d.Reset(t.Context(), at, login, resetPath, "On"); err != nil || s.bodies[`{"ResetType":"On"}`] != 1 {
				t.Errorf("%v, %v", err, s.bodies)
			}
		})
	}
}

// A connection that is kept does not make a BMC seem alive that is gone.
func TestABMCThatIsGoneDoesNotAnswerOnAKeptConnection(t *testing.T) {
	s := httptest.NewServer(card)
	d := redfish.New(1)
	t.Cleanup(d.Close)
	look(t, d, address(s))
	s.Close()
	if got, err := d.PowerState(t.Context(), address(s), login, systemPath); err == nil || redfish.VerdictOf(err) != redfish.Later {
		t.Errorf("a look at a BMC that is gone: %q, %v", got, err)
	}
	if err := d.Reset(t.Context(), address(s), login, resetPath, "On"); err == nil || !redfish.NotTaken(err) {
		t.Errorf("a reset of a BMC that is gone: %v", err)
	}
}

// What may not be sent is not, on a new connection or on a kept one, and is told
// not to have been.
func TestNothingIsSentThatMayNotBe(t *testing.T) {
	s := &script{bodies: map[string]int{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go s.serve(l)
	d := redfish.New(2)
	defer d.Close()
	refused := errors.New("another server leads")
	allowed := true
	d.Guard(func(context.Context) error {
		if allowed {
			return nil
		}
		return refused
	})
	for i := range 4 {
		allowed = i%2 == 1
		kind := fmt.Sprint("Reset", i)
		err := d.Reset(t.Context(), l.Addr().String(), login, resetPath, kind)
		s.mu.Lock()
		sent := s.bodies[`{"ResetType":"`+kind+`"}`]
		s.mu.Unlock()
		switch {
		case allowed && (err != nil || sent != 1):
			t.Errorf("%s: %v, sent %d times", kind, err, sent)
		case !allowed && (!errors.Is(err, refused) || !redfish.NotTaken(err) || sent != 0):
			t.Errorf("%s: %v, sent %d times", kind, err, sent)
		}
	}
}
