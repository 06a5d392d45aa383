package server

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/docpage"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/pcs"
)

// figuresOf are a server's own figures, by name and labels.
func figuresOf(t *testing.T, s *Server) (text string, values map[string]string) {
	t.Helper()
	resp, err := http.Get(s.localURL() + "/metrics")
	must(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", resp.Status, body)
	}
	return string(body), figuresIn(string(body))
}

// figuresIn are Drover's own in an answer.
func figuresIn(text string) map[string]string {
	values := map[string]string{}
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if labelled := strings.LastIndex(lines.Text(), "} "); labelled > 0 { // values of labels have spaces
			name, value = lines.Text()[:labelled+1], lines.Text()[labelled+2:]
		}
		if strings.HasPrefix(name, "drover_") {
			values[name] = value
		}
	}
	return values
}

// awaitFigures returns once the figures have these values.
func awaitFigures(t *testing.T, s *Server, want map[string]string) (text string, got map[string]string) {
	t.Helper()
	sub := s.hub.Subscribe(bos.ComponentsTable, pcs.StatusTable, hsm.ComponentsTable, cfs.ComponentsTable)
	defer sub.Close()
	for {
		text, got = figuresOf(t, s)
		missing := ""
		for name, value := range want {
			if got[name] != value {
				missing += name + " is " + got[name] + ", not " + value + "\n"
			}
		}
		if missing == "" {
			return text, got
		}
		select {
		case <-sub.Ready():
			sub.Take()
		case <-time.After(time.Minute):
			t.Fatalf("after a minute:\n%s", missing)
		}
	}
}

// startFleet starts a server whose nodes all services know.
func startFleet(t *testing.T, nodes int) (s *Server, text string, figures map[string]string) {
	t.Helper()
	c := testConfig(t)
	c.Simulate, c.NodeListen = nodes, "127.0.0.1:0"
	s, err := Start(t.Context(), c, Options{})
	must(t, err)
	t.Cleanup(s.Stop)
	n := strconv.Itoa(nodes)
	text, figures = awaitFigures(t, s, map[string]string{`drover_hsm_nodes{state="Off"}`: n, `drover_pcs_nodes{power="off"}`: n,
		`drover_bos_components{status="stable"}`: n, `drover_bos_components_by_phase{phase="none"}`: n, `drover_cfs_components{status="unconfigured"}`: n})
	return s, text, figures
}

// What is counted does not grow with the fleet, and nothing of it names a node.
func TestFiguresAreAsManyForAnyFleet(t *testing.T) {
	var series [2][]string
	for i, nodes := range []int{50, 200} {
		s, text, figures := startFleet(t, nodes)
		for name := range figures {
			series[i] = append(series[i], name)
		}
		slices.Sort(series[i])
		if node := regexp.MustCompile(`x[0-9]+c[0-9]+`).FindString(text); node != "" {
			t.Errorf("a figure names %s", node)
		}
		problems, err := promlint.New(strings.NewReader(text)).Lint()
		must(t, err)
		for _, p := range problems {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
		s.Stop()
	}
	if !slices.Equal(series[0], series[1]) {
		t.Errorf("50 nodes have %d series, 200 have %d", len(series[0]), len(series[1]))
	}
	if n := len(series[0]); n > 700 {
		t.Errorf("%d series: expected no more than 700", n)
	}
}

// figure is one of them as a number.
func figure(t *testing.T, figures map[string]string, name string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(figures[name], 64)
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return v
}

func TestRequestsAreCountedByServiceStatusAndDoor(t *testing.T) {
	c := testConfig(t)
	c.NodeListen, c.NodeIdentity, c.Simulate = "127.0.0.1:0", byNothing, 1
	s, ask := startWithTokens(t, c)
	token := tokenOf(t, s, auth.Administrator)
	figures := func() map[string]string {
		_, text := ask(token, "GET", "/metrics", "")
		return figuresIn(text)
	}
	before := figures()
	for _, r := range []struct {
		token, method, path string
		status              int
	}{
		{token, "GET", bosPrefix + "/v2/components", 200},
		{token, "GET", bosPrefix + "/v2/components/x9c0s0b0n0", 404},
		{"", "GET", cfsPrefix + "/v3/components", 401},
		{tokenOf(t, s, auth.Auditor), "PATCH", cfsPrefix + "/v3/options", 403},
		{token, "GET", "/", 200},
		{token, "GET", "/apis/bosun", 404},
	} {
		if status, text := ask(r.token, r.method, r.path, `{}`); status != r.status {
			t.Errorf("%s %s: %d %s", r.method, r.path, status, text)
		}
	}
	resp, err := http.Get("http://" + s.nodeListener.Addr().String() + bssPrefix + "/boot/v1/bootscript?mac=00:00:00:00:00:00")
	must(t, err)
	resp.Body.Close()
	s3, err := http.Get(s.platform.s3Endpoint + "/boot-images/none")
	must(t, err)
	s3.Body.Close()
	after := figures()
	for name, more := range map[string]float64{
		`drover_http_requests_total{door="administrators",service="bos",status="2xx"}`:              1,
		`drover_http_requests_total{door="administrators",service="bos",status="4xx"}`:              1,
		`drover_http_requests_total{door="administrators",service="cfs",status="4xx"}`:              2,
		`drover_http_requests_total{door="administrators",service="page",status="2xx"}`:             1,
		`drover_http_requests_total{door="nodes",service="bss",status="` + resp.Status[:1] + `xx"}`: 1,
		`drover_http_requests_total{door="s3",service="s3",status="4xx"}`:                           1,
		`drover_http_request_duration_seconds_count{service="bos"}`:                                 2,
		`drover_http_denied_total{status="401"}`:                                                    1,
		`drover_http_denied_total{status="403"}`:                                                    1,
	} {
		if got := figure(t, after, name) - figure(t, before, name); got != more {
			t.Errorf("%s grew by %v, not by %v", name, got, more)
		}
	}
	if n := figure(t, after, `drover_http_requests_in_flight{service="other"}`); n != 1 {
		t.Errorf("%v requests in flight, expected the one that asks", n)
	}
	if n := figure(t, after, `drover_connections{door="administrators"}`); n < 1 {
		t.Errorf("%v connections of administrators", n)
	}
}

// An answer that goes on while somebody listens is counted, and not how long it took.
func TestStreamsSayNothingOfHowLongRequestsTake(t *testing.T) {
	f := newRequestFigures()
	streams := false
	n := named{log: slog.Default(), now: time.Now, count: f.nodes(), next: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
		if streams {
			w.(http.Flusher).Flush()
		}
	})}
	for i, stream := range []bool{false, true} {
		streams = stream
		n.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", bosPrefix+"/v2/components", nil))
		_, timed, _ := f.took[partBOS].Read()
		if answered := f.nodes().answers[partBOS].Of(1); answered != int64(i+1) || timed != 1 {
			t.Errorf("after %d: %d answered, %d of them timed", i+1, answered, timed)
		}
	}
	if running := f.running[partBOS].Load(); running != 0 {
		t.Errorf("%d are said to go on", running)
	}
}

// Whatever the server answers is counted as a part of it.
func TestEachPathIsOfAPart(t *testing.T) {
	others := map[string]bool{"/livez": true, "/readyz": true, "/metrics": true, "/apis/sts/token": true}
	for _, rule := range auth.Table {
		path := strings.NewReplacer("{$}", "", "/**", "/x").Replace(rule.Path)
		of := serviceOf(path)
		switch page := !strings.HasPrefix(path, "/apis/") && !strings.HasPrefix(path, "/vcs") && !strings.HasPrefix(path, "/keycloak/"); {
		case others[path] || strings.HasPrefix(path, "/keycloak/"):
			if of != partOther {
				t.Errorf("%s is of %s", path, partNames[of])
			}
		case of == partOther, page != (of == partPage):
			t.Errorf("%s is of %s", path, partNames[of])
		}
	}
}

var write = flag.Bool("write", false, "write the figures into docs/operations.md")

// The figures of the docs are those of the code.
func TestFiguresAreDocumented(t *testing.T) {
	c := testConfig(t)
	c.NodeListen, c.Traces = "127.0.0.1:0", Traces{Endpoint: "http://127.0.0.1:9", Nodes: 1}
	root, err := filepath.Abs("../..")
	must(t, err)
	s, err := Start(t.Context(), c, Options{})
	must(t, err)
	t.Cleanup(s.Stop)
	page := docpage.Part{File: filepath.Join(root, "docs/operations.md"), By: "go test ./internal/server -run FiguresAreDocumented -write"}
	var table strings.Builder
	table.WriteString("| figure | labels | kind | |\n|---|---|---|---|\n")
	for _, f := range s.metrics.Families() {
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", f.Name, strings.Join(f.Labels, ", "), f.Kind, strings.TrimSuffix(f.Help, "."))
	}
	told, err := page.Read()
	must(t, err)
	if told == strings.TrimSpace(table.String()) {
		return
	}
	if !*write {
		t.Fatalf("%s has other figures: run %s", page.File, page.By)
	}
	must(t, page.Write(table.String()))
}
