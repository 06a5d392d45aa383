package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/audit"
	"github.com/drover-hpc/drover/internal/auth"
)

// records are the newest of the log, as whoever has the token reads them.
func records(t *testing.T, ask func(token, method, path, body string) (int, string), token, query string) (list []audit.Record) {
	t.Helper()
	status, text := ask(token, "GET", "/apis/drover/v1/audit"+query, "")
	if err := json.Unmarshal([]byte(text), &list); status != http.StatusOK || err != nil {
		t.Fatalf("%d %s %v", status, text, err)
	}
	return list
}

func TestWhatIsDoneAndDeniedIsRecorded(t *testing.T) {
	c := testConfig(t)
	s, ask := startWithTokens(t, c)
	admin := s.site.Load().Token()
	made := map[auth.Role]auth.TokenMade{}
	for _, role := range []auth.Role{auth.Operator, auth.Auditor} {
		status, text := ask(admin, "POST", "/apis/drover/v1/tokens", `{"name":"the `+string(role)+`","role":"`+string(role)+`"}`)
		var m auth.TokenMade
		if err := json.Unmarshal([]byte(text), &m); status != http.StatusCreated || err != nil {
			t.Fatal(status, text, err)
		}
		made[role] = m
	}
	operator, auditor := made[auth.Operator], made[auth.Auditor]
	ask(operator.Text, "POST", "/apis/bos/v2/sessions", `{"operation":"boot","template_name":"nope","limit":"x1000c0s0b0n0"}`)
	ask(operator.Text, "GET", "/apis/bss/boot/v1/bootparameters", "")
	ask(operator.Text, "GET", "/apis/bos/v2/components", "") // no record
	for range 5 {
		ask(operator.Text, "PATCH", "/apis/bos/v2/options", "{}")
		ask("", "PATCH", "/apis/bos/v2/components/x1000c0s0b0n0", "{}")
	}
	ask("nonsense", "GET", "/apis/bos/v2/sessions", "")

	var got []string
	for _, r := range records(t, ask, auditor.Text, "?who=the+operator") {
		got = append(got, strings.Join([]string{r.Method, r.Path, string(r.Outcome), r.Nodes, r.Who.ID}, " "))
		if r.From != "127.0.0.1" || r.Who.Role != auth.Operator || r.Request == "" {
			t.Errorf("%+v", r)
		}
	}
	want := []string{
		"PATCH /apis/bos/v2/options denied  " + operator.ID,
		"GET /apis/bss/boot/v1/bootparameters done  " + operator.ID,
		"POST /apis/bos/v2/sessions invalid x1000c0s0b0n0 " + operator.ID,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("by the operator:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	denied := records(t, ask, admin, "?outcome=denied&node=x1000c0s0b0n0")
	if len(denied) != 1 || denied[0].Status != http.StatusForbidden || !strings.Contains(denied[0].Why, "speaks for itself alone") {
		t.Errorf("a report by nobody: %+v", denied)
	}
	if list := records(t, ask, admin, "?outcome=denied"); len(list) != 3 || list[0].Status != http.StatusUnauthorized {
		t.Errorf("denied: %+v", list)
	}
	for _, q := range []string{"?since=yesterday", "?outcome=odd", "/verify?head=x"} {
		if status, _ := ask(admin, "GET", "/apis/drover/v1/audit"+q, ""); status != http.StatusBadRequest {
			t.Errorf("%s: %d", q, status)
		}
	}
	status, text := ask(auditor.Text, "GET", "/apis/drover/v1/audit/verify", "")
	var report audit.Report
	if err := json.Unmarshal([]byte(text), &report); status != http.StatusOK || err != nil || !report.Whole || report.Head.Number != report.Records {
		t.Fatal(status, text, err)
	}
	if status, text = ask(auditor.Text, "GET", "/apis/drover/v1/audit/verify?head="+report.Head.String(), ""); !strings.Contains(text, `"whole":true`) {
		t.Error(status, text)
	}
	if status, _ = ask(operator.Text, "GET", "/apis/drover/v1/audit", ""); status != http.StatusForbidden {
		t.Errorf("an operator reads the log: %d", status)
	}
}

// What the doors themselves refuse is denied, too.
func TestTheDoorsTellWhatTheyRefuse(t *testing.T) {
	c := testConfig(t)
	c.NodeListen = "127.0.0.1:0"
	s, ask := startWithTokens(t, c)
	admin := s.site.Load().Token()
	get := func(url string, header ...string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "POST", url+"/apis/bos/v2/sessions", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Forwarded-For", "10.7.7.7")
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	get(s.nodeDoor())
	get(s.localURL(), "Sec-Fetch-Site", "cross-site", "Origin", "https://elsewhere.example.org")
	list := records(t, ask, admin, "?outcome=denied")
	if len(list) != 2 || list[1].Status != http.StatusNotFound || list[0].Status != http.StatusForbidden || !strings.Contains(list[0].Why, "https://elsewhere.example.org") {
		t.Fatalf("%+v", list)
	}
	for _, r := range list {
		if r.From != "10.7.7.7" { // a proxy on loopback is believed
			t.Errorf("from %q", r.From)
		}
	}
}

// Where nobody is asked who he is, what is done is recorded all the same.
func TestWithoutTokensWritesAreRecordedOfAnybody(t *testing.T) {
	c := testConfig(t)
	c.Auth = authNone
	s, err := Start(t.Context(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	req, _ := http.NewRequestWithContext(t.Context(), "PATCH", s.localURL()+"/apis/bos/v2/options", strings.NewReader(`{}`))
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	list, err := s.audit.List(t.Context(), audit.Filter{})
	if err != nil || len(list) == 0 || list[0].Path != req.URL.Path || list[0].Who != (audit.Who{}) || list[0].Status != resp.StatusCode {
		t.Errorf("%+v, %v", list, err)
	}
}

// Who has no key of the object store cannot fill the log, nor write in another's name.
func TestStrangersAtTheObjectStoreAreCountedTogether(t *testing.T) {
	s, ask := startWithTokens(t, testConfig(t))
	const calls = 100
	for i := range calls {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, s.platform.s3Endpoint+fmt.Sprintf("/boot-images/k%d", i), nil)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now().UTC()
		req.Header.Set("X-Amz-Date", now.Format("20060102T150405Z"))
		req.Header.Set("X-Amz-Security-Token", "x")
		req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=drover/"+now.Format("20060102")+"/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("0", 64))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode < 400 {
			t.Fatal(resp.Status)
		}
	}
	list := records(t, ask, s.site.Load().Token(), "?limit=1000")
	strangers := 0
	for _, r := range list {
		if r.Method != http.MethodDelete && r.Path != "further calls" {
			continue
		}
		strangers++
		if r.Who != (audit.Who{}) {
			t.Errorf("of %+v: %+v", r.Who, r)
		}
	}
	if strangers == 0 || strangers > calls/2 {
		t.Errorf("%d records of %d calls", strangers, calls)
	}
}
