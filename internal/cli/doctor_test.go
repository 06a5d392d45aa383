package cli

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/doctor"
)

// well answers as a site does with which all is well, but for more.
func well(more map[string]string, ahead time.Duration) func(http.ResponseWriter, *http.Request, string) {
	texts := map[string]string{
		"/livez":                 "ok",
		"/apis/drover/v1/whoami": `{"name": "ann", "role": "operator"}`,
		"/apis/drover/v1/doctor": `{"version": "1.2.3", "checks": [{"check": "database", "status": "ok", "words": "answers", "advice": ""}]}`,
		"/apis/smd/hsm/v2/Inventory/RedfishEndpoints": `{"RedfishEndpoints": [` + bmcOf(0, "DiscoverOK") + `,` + bmcOf(1, "DiscoverOK") + `]}`,
		"/apis/smd/hsm/v2/State/Components":           `{"Components": [{"ID": "x1c0s0b0n0"}, {"ID": "x1c0s1b0n0"}]}`,
		"/apis/power-control/v1/power-status":         `{"status": [{"xname": "x1c0s0b0n0", "managementState": "available"}, {"xname": "x1c0s1b0n0", "managementState": "available"}]}`,
		"/apis/bss/boot/v1/endpoint-history":          fmt.Sprintf(`[{"name": "x1c0s0b0n0", "endpoint": "bootscript", "last_epoch": %d}]`, time.Now().Add(-time.Minute).Unix()),
	}
	for path, text := range more {
		texts[path] = text
	}
	return func(w http.ResponseWriter, r *http.Request, body string) {
		w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		text := texts[r.URL.Path]
		if status, words, is := strings.Cut(text, "!"); is {
			var code int
			fmt.Sscan(status, &code)
			w.WriteHeader(code)
			text = words
		} else if text == "" {
			w.WriteHeader(http.StatusNotFound)
		}
		io.WriteString(w, text)
	}
}

func bmcOf(slot int, status string) string {
	return fmt.Sprintf(`{"ID": "x1c0s%db0", "Enabled": true, "DiscoveryInfo": {"LastDiscoveryStatus": %q, "LastDiscoveryError": "401"}}`, slot, status)
}

func TestDoctorFindsWhatIsBroken(t *testing.T) {
	const hsm, power, history = "/apis/smd/hsm/v2/Inventory/RedfishEndpoints", "/apis/power-control/v1/power-status", "/apis/bss/boot/v1/endpoint-history"
	var many []string
	for slot := range 45 {
		many = append(many, bmcOf(slot, "DiscoverOK"))
	}
	for name, c := range map[string]struct {
		more   map[string]string
		ahead  time.Duration
		check  string
		status doctor.Status
		words  string
		code   int
	}{
		"nothing":          {nil, 0, "BMCs", doctor.OK, "2 of 2 are well", 0},
		"no server there":  {map[string]string{"/livez": "404!no"}, 0, "server", doctor.Failed, "answers 404 Not Found", 1},
		"token":            {map[string]string{"/apis/drover/v1/whoami": `401!{"title": "Unauthorized", "detail": "no token"}`}, 0, "token", doctor.Failed, "no token", 1},
		"a good token":     {nil, 0, "token", doctor.OK, "of ann, role operator", 0},
		"version":          {map[string]string{"/apis/drover/v1/doctor": `{"version": "9.9.9", "checks": []}`}, 0, "version", doctor.Warning, "the server is 9.9.9, this program 1.2.3", 0},
		"an old server":    {map[string]string{"/apis/drover/v1/doctor": ""}, 0, "version", doctor.Warning, "the server cannot check itself", 0},
		"its checks":       {map[string]string{"/apis/drover/v1/doctor": `500!{"title": "Oh", "detail": "broken"}`}, 0, "server's own checks", doctor.Failed, "broken", 1},
		"a tenant's token": {map[string]string{"/apis/drover/v1/doctor": `403!{"title": "Forbidden", "detail": "not for tenants"}`}, 0, "server's own checks", doctor.Warning, "not for tenants", 0},
		"database":         {map[string]string{"/apis/drover/v1/doctor": `{"version": "1.2.3", "checks": [{"check": "database", "status": "failed", "words": "away", "advice": "look"}]}`}, 0, "database", doctor.Failed, "away", 1},
		"clock":            {nil, 20 * time.Second, "clock", doctor.Warning, "ahead of this machine's", 0},
		"clock, by far":    {nil, -time.Hour, "clock", doctor.Failed, "behind this machine's", 1},
		"a BMC":            {map[string]string{hsm: `{"RedfishEndpoints": [` + bmcOf(0, "HTTPsGetFailed") + `,` + bmcOf(1, "DiscoverOK") + `]}`}, 0, "BMCs", doctor.Warning, "1 of 2 are well; x1c0s0b0: discovery: HTTPsGetFailed: 401", 0},
		"a mute BMC":       {map[string]string{power: `{"status": [{"xname": "x1c0s1b0n0", "managementState": "unavailable"}]}`}, 0, "BMCs", doctor.Warning, "1 of 2 are well; x1c0s1b0: it does not answer PCS", 0},
		"all BMCs":         {map[string]string{hsm: `{"RedfishEndpoints": [` + bmcOf(0, "HTTPsGetFailed") + `,` + bmcOf(1, "HTTPsGetFailed") + `]}`}, 0, "BMCs", doctor.Failed, "0 of 2 are well; x1c0s[0-1]b0: discovery: ", 1},
		"many BMCs":        {map[string]string{hsm: `{"RedfishEndpoints": [` + strings.Join(many, ",") + `]}`}, 0, "BMCs", doctor.OK, "20 of 20 are well, a sample of 45", 0},
		"no BMCs":          {map[string]string{hsm: `{"RedfishEndpoints": []}`}, 0, "BMCs", doctor.Warning, "HSM knows none", 0},
		"HSM":              {map[string]string{hsm: `503!{"title": "Away", "detail": "it is off"}`}, 0, "BMCs", doctor.Failed, "it is off", 1},
		"PCS":              {map[string]string{power: `503!{"title": "Away", "detail": "it is off"}`}, 0, "BMCs", doctor.Failed, "PCS does not tell of power: Away: it is off", 1},
		"DHCP":             {map[string]string{history: `[{"name": "x1c0s0b0n0", "endpoint": "user-data", "last_epoch": 5}]`}, 0, "boot scripts", doctor.Warning, "no node has ever asked for one", 0},
		"DHCP is well":     {nil, 0, "boot scripts", doctor.OK, "the last was for x1c0s0b0n0, 1m", 0},
		"BSS":              {map[string]string{history: `503!{"title": "Away", "detail": "it is off"}`}, 0, "boot scripts", doctor.Failed, "it is off", 1},
	} {
		b := newBench(t)
		b.answer = well(c.more, c.ahead)
		code, out, stderr := b.run("drover", "doctor", "--format", "json")
		got := asData[struct{ Checks []doctor.Check }](t, out)
		said := false
		for _, one := range got.Checks {
			said = said || one.Name == c.check && one.Status == c.status && strings.Contains(one.Words, c.words)
		}
		if code != c.code || !said {
			t.Errorf("%s: exit %d %s\n%s", name, code, stderr, out)
		}
		for _, call := range b.calls {
			if !strings.HasPrefix(call, "GET ") && !strings.HasPrefix(call, "POST "+power) {
				t.Errorf("%s: %s", name, call)
			}
		}
	}
}

func TestDoctorPrintsATable(t *testing.T) {
	b := newBench(t)
	b.answer = well(map[string]string{"/apis/drover/v1/whoami": `{"role": "tenant", "tenant": "red"}`, "/apis/smd/hsm/v2/Inventory/RedfishEndpoints": `{"RedfishEndpoints": []}`}, 0)
	code, out, stderr := b.run("drover", "doctor")
	want := `CHECK         STATUS   FOUND
server        ok       answers at ` + b.server.URL + `
clock         ok       the server's and this machine's agree to 5s
token         ok       counts, role tenant of red
version       ok       1.2.3
database      ok       answers
BMCs          warning  HSM knows none: ` + "`drover discover ADDRESS`" + ` finds them
boot scripts  ok       the last was for x1c0s0b0n0, 1m0s ago; 1 nodes asked within a day
`
	if code != 0 || strings.ReplaceAll(out, "1m1s", "1m0s") != want {
		t.Errorf("exit %d %s\n%s", code, stderr, out)
	}
	b.server.Close()
	if code, out, _ = b.run("drover", "doctor"); code != 1 || !strings.HasPrefix(out, "CHECK   STATUS  FOUND\nserver  failed  no answer from "+b.server.URL) || strings.Count(out, "\n") != 2 {
		t.Errorf("no server: exit %d\n%s", code, out)
	}
}
