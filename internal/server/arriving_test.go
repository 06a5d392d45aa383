package server

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// sendRaw writes the text to the server as it stands, ends what is sent if half is set,
// and returns the answer.
func sendRaw(t *testing.T, at, text string, half bool) (status int, answer string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(at, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	if half {
		conn.(*net.TCPConn).CloseWrite()
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%.80q: %v", text, err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

// chunked is a request whose body is one whole chunk and then what rest says.
func chunked(method, path, body, rest string) string {
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n%s", method, path, len(body), body, rest)
}

// A body counts when all of it is there: what would have been done is not.
func TestBodiesThatDoNotComeAsHTTPHasItChangeNothing(t *testing.T) {
	s, err := Start(t.Context(), testConfig(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	const layers = `{"layers":[{"clone_url":"https://git.example.org/a.git","commit":"0123456789abcdef0123456789abcdef01234567","playbook":"site.yml"}]}`
	const list, one = "/apis/cfs/v3/configurations", "/apis/cfs/v3/configurations/kept"
	if status, text := sendRaw(t, s.URL(), chunked("PUT", one, layers, "0\r\n\r\n"), false); status != http.StatusOK {
		t.Fatal(status, text)
	}
	for _, c := range []struct {
		text, want string
		half       bool
	}{
		{chunked("PUT", list+"/broken", layers, "zz\r\n"), "does not come as HTTP has it", false},
		{chunked("PUT", list+"/broken", layers, "5\r\nabcdeXX0\r\n\r\n"), "does not come as HTTP has it", false},
		{chunked("PUT", list+"/broken", layers, ""), "broke off", true},
		{chunked("DELETE", one, "{}", "zz\r\n"), "does not come as HTTP has it", false},
		{chunked("DELETE", one, "{}", ""), "broke off", true},
		{"PUT " + list + "/broken HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n" + layers, "broke off after 132 bytes of 9999", true},
		{"PATCH /apis/bos/v2/options HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 40\r\n\r\n" + `{"logging_level":"DEBUG"}`, "broke off after 25 bytes of 40", true},
	} {
		if status, text := sendRaw(t, s.URL(), c.text, c.half); status != http.StatusBadRequest || !strings.Contains(text, c.want) {
			t.Errorf("%.60q: %d %s, want %s", c.text, status, text, c.want)
		}
	}
	if _, text := sendRaw(t, s.URL(), "GET "+list+" HTTP/1.0\r\nHost: localhost\r\n\r\n", false); strings.Contains(text, "broken") || !strings.Contains(text, "kept") {
		t.Error(text)
	}
	if _, text := sendRaw(t, s.URL(), "GET /apis/bos/v2/options HTTP/1.0\r\nHost: localhost\r\n\r\n", false); strings.Contains(text, "DEBUG") {
		t.Error(text)
	}
	for _, operation := range operations(t, s) {
		method, path, _ := strings.Cut(operation, " ")
		if changes(method) {
			if status, text := sendRaw(t, s.URL(), chunked(method, path, "{}", "zz\r\n"), false); status != http.StatusBadRequest || !strings.Contains(text, "does not come as HTTP has it") {
				t.Errorf("%s: %d %s", operation, status, text)
			}
		}
	}
}

// What is left of a body that nobody wanted to the end is no request: whoever wrote it
// would make one in the name of others whom the same proxy serves.
func TestTheRestOfABodyIsNoRequest(t *testing.T) {
	s, err := Start(t.Context(), testConfig(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	const path, within = "/apis/smd/hsm/v2/groups", "POST /apis/smd/hsm/v2/groups HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 18\r\n\r\n{\"label\":\"within\"}"
	const most, discarded = 8<<20 + 1, 256 << 10 // what is read of one that is too long, and what is then looked at of the rest
	long := `{"label":"` + strings.Repeat("a", most+discarded-len(`{"label":"`)) + within + strings.Repeat("b", discarded)
	for want, text := range map[string]string{
		"does not come as HTTP has it": "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + within,
		"the body is too long":         chunked("POST", path, long, "0\r\n\r\n"),
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(time.Minute))
		io.WriteString(conn, text)       //nolint:errcheck // the server may well take no more
		conn.(*net.TCPConn).CloseWrite() //nolint:errcheck // likewise
		answers, err := io.ReadAll(conn) // it may be a reset that ends them
		if !strings.Contains(string(answers), want) || strings.Count(string(answers), "HTTP/1.1 ") != 1 {
			t.Errorf("%s: %s, %v", want, answers, err)
		}
	}
	if status, text := askOver(t, s, "GET", path+"/within", ""); status != http.StatusNotFound {
		t.Errorf("a request within a body was answered: %d %s", status, text)
	}
}

// pacedServer is one whose bodies have a tenth of a second, and then 64 KiB a second.
func pacedServer(t *testing.T, next http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(arriving{pace{100 * time.Millisecond, 64 << 10}, next})
	t.Cleanup(s.Close)
	return s.URL
}

func TestABodyThatStandsStillIsEnded(t *testing.T) {
	for name, next := range map[string]http.HandlerFunc{
		"read": func(w http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(r.Body)
			w.WriteHeader(err.(interface{ GetStatus() int }).GetStatus())
			io.WriteString(w, err.Error())
		},
		"not read": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusRequestTimeout) },
	} {
		for _, text := range []string{
			"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc",
			"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		} {
			if status, answer := sendRaw(t, pacedServer(t, next), text, false); status != http.StatusRequestTimeout || name == "read" && !strings.Contains(answer, "3 bytes of") {
				t.Errorf("%s: %q: %d %s", name, text, status, answer)
			}
		}
	}
}

// A body that is longer than its time allows at first, and comes fast enough, has more;
// and the request that it belongs to may take as long as it likes.
func TestABodyThatComesHasTheTimeThatItNeeds(t *testing.T) {
	url := pacedServer(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		time.Sleep(300 * time.Millisecond) // past all deadlines of the body
		if r.Context().Err() != nil {
			err = r.Context().Err()
		}
		fmt.Fprint(w, len(body), err)
	})
	text := make([]byte, 256<<10)
	rand.Read(text)
	from, to := io.Pipe()
	go func() {
		for part := range 4 {
			to.Write(text[part*64<<10 : (part+1)*64<<10])
			time.Sleep(60 * time.Millisecond)
		}
		to.Close()
	}()
	for _, body := range []io.Reader{from, bytes.NewReader(text)} {
		resp, err := http.Post(url, "text/plain", body)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(got) != fmt.Sprint(len(text), nil) {
			t.Errorf("%s", got)
		}
	}
}

// Who takes an answer slowly gets all of it, and who stops taking it is let go.
func TestAnswersHaveToBeTaken(t *testing.T) {
	for name, c := range map[string]struct {
		pause time.Duration
		all   bool
	}{"slowly": {answerPatience - time.Second, true}, "no more": {answerPatience + time.Second, false}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, client := net.Pipe()
				sent := make(chan error, 1)
				go func() {
					_, err := (&seen{Conn: server}).Write(make([]byte, 4*answerPiece))
					server.Close()
					sent <- err
				}()
				piece := make([]byte, answerPiece)
				taken := 0
				for {
					time.Sleep(c.pause)
					n, err := io.ReadFull(client, piece)
					if taken += n; err != nil {
						break
					}
				}
				if err := <-sent; (err == nil) != c.all || (taken == 4*answerPiece) != c.all {
					t.Errorf("%d bytes, %v", taken, err)
				}
			})
		})
	}
}

// Git has a patience of its own for whom it serves.
func TestADeadlineOfWhoWritesCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, _ := net.Pipe()
		c, begun := &seen{Conn: server}, time.Now()
		c.SetWriteDeadline(begun.Add(time.Second))
		if _, err := c.Write([]byte("a")); err == nil || time.Since(begun) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		c.SetWriteDeadline(time.Time{})
		if _, err := c.Write([]byte("a")); err == nil || time.Since(begun) != time.Second+answerPatience {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
	})
}
