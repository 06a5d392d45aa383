package cli

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// hsmOf answers what HSM knows: nodes x1000c0s[0-3]b0n0 with NIDs from 1, a
// group; other calls go to the rest.
func hsmOf(rest func(http.ResponseWriter, *http.Request, string)) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, r *http.Request, body string) {
		switch r.URL.Path {
		case "/apis/smd/hsm/v2/State/Components":
			var list []string
			for n := range 4 {
				list = append(list, fmt.Sprintf(`{"ID": "x1000c0s%db0n0", "NID": %d, "Role": "Compute"}`, n, n+1))
			}
			fmt.Fprintf(w, `{"Components": [%s]}`, strings.Join(list, ","))
		case "/apis/smd/hsm/v2/groups":
			io.WriteString(w, `[{"label": "gpu", "members": {"ids": ["x1000c0s3b0n0"]}}]`)
		case "/apis/smd/hsm/v2/partitions":
			io.WriteString(w, `[]`)
		default:
			rest(w, r, body)
		}
	}
}

const createSessionOf = "drover bos sessions create --template-name T --operation boot --limit "

func posted(limit string) string {
	return `POST /apis/bos/v2/sessions {"limit":"` + limit + `","operation":"boot","template_name":"T"}`
}

func TestNamesOfNodesAreWrittenOutBeforeTheyAreSent(t *testing.T) {
	b := newBench(t)
	b.answer = hsmOf(answer("{}"))
	both := "x1000c0s0b0n0,x1000c0s1b0n0"
	for line, want := range map[string]string{
		createSessionOf + "x1000c0s[0-1]b0n0":                                                     posted(both),
		createSessionOf + "nid[000001-000002]":                                                    posted(both),
		createSessionOf + "x1000c0s0,x1000c0s1*":                                                  posted(both),
		createSessionOf + "Compute,&x1000c0s[0-1]b0n0":                                            posted(both),
		createSessionOf + "Compute,!gpu":                                                          posted("Compute,!gpu"),
		createSessionOf + "x1000":                                                                 posted(both + ",x1000c0s2b0n0,x1000c0s3b0n0"),
		"drover bos components list --ids nid[1-2]":                                               "GET /apis/bos/v2/components?ids=x1000c0s0b0n0%2Cx1000c0s1b0n0",
		"drover cfs v3 components list --ids x1000c0s[0,1]":                                       "GET /apis/cfs/v3/components?ids=x1000c0s0b0n0%2Cx1000c0s1b0n0",
		"drover bos applystaged create --xnames gpu":                                              `POST /apis/bos/v2/applystaged {"xnames":["x1000c0s3b0n0"]}`,
		"drover bos components updatemany --filter-ids gpu --enabled true":                        `PATCH /apis/bos/v2/components {"filters":{"ids":"x1000c0s3b0n0"},"patch":{"enabled":true}}`,
		"drover cfs v2 components updatemany --filter-ids gpu --enabled true":                     `PATCH /apis/cfs/v2/components {"filters":{"ids":"x1000c0s3b0n0"},"patch":{"enabled":true}}`,
		"cray bos v1 session create --template-uuid T --operation Boot --limit x1000c0s[0-1]b0n0": `POST /apis/bos/v1/session {"limit":"x1000c0s0b0n0,x1000c0s1b0n0","operation":"Boot","templateUuid":"T"}`,
	} {
		code, _, stderr := b.run(typed(line)...)
		if got := strings.Join(withoutLookups(b.calls), "\n"); code != 0 || got != want || stderr != "" {
			t.Errorf("%s: exit %d %s\n got %s\nwant %s", line, code, stderr, got, want)
		}
	}
}

func TestUnknownNamesAreRefusedUnlessAllowed(t *testing.T) {
	b := newBench(t)
	b.answer = hsmOf(answer("{}"))
	const unknown = "x1000c0s0b0n1"
	code, _, stderr := b.run(typed(createSessionOf + unknown)...)
	if code != 2 || !strings.Contains(stderr, "HSM does not know x1000c0s0b0n1; nearest is x1000c0s0b0n0. (--allow-unknown sends it all the same)") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	if slices.ContainsFunc(b.calls, func(c string) bool { return strings.HasPrefix(c, "POST") }) {
		t.Errorf("was sent: %q", b.calls)
	}
	for _, line := range []string{createSessionOf + unknown + " --allow-unknown", strings.Replace(createSessionOf, "drover", "cray", 1) + unknown} {
		code, _, stderr = b.run(typed(line)...)
		if code != 0 || !slices.Contains(b.calls, posted(unknown)) || !strings.Contains(stderr, "Warning: --limit: HSM does not know "+unknown) {
			t.Errorf("%s: exit %d, %s, calls %q", line, code, stderr, b.calls)
		}
	}
	if code, _, stderr = b.run(typed(strings.Replace(createSessionOf, "drover", "cray", 1) + unknown + " --allow-unknown")...); code != 2 || !strings.Contains(stderr, "no such option") {
		t.Errorf("the published tool has no --allow-unknown: exit %d, %s", code, stderr)
	}
}

func TestNamesAreSentWithoutHSM(t *testing.T) {
	b := newBench(t)
	b.answer = paths(map[string]string{"/apis/bos/v2/sessions": "{}"})
	if code, _, stderr := b.run(typed(createSessionOf + "x1c0s[0-1]b0n0,!gpu")...); code != 0 || !slices.Contains(b.calls, posted("x1c0s0b0n0,x1c0s1b0n0,!gpu")) ||
		!strings.Contains(stderr, "Warning: the names of --limit are not checked, HSM gives no answer: Not Found") {
		t.Errorf("exit %d, %s, calls %q", code, stderr, b.calls)
	}
	if code, _, stderr := b.run(typed(createSessionOf + "nid1")...); code != 2 || !strings.Contains(stderr, "what nid1 stands for only HSM can tell") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	if code, _, stderr := b.run(typed("cray bos v2 sessions create --template-name T --operation boot --limit nid1")...); code != 0 || stderr != "" || !slices.Contains(b.calls, posted("nid1")) {
		t.Errorf("exit %d, %s, calls %q", code, stderr, b.calls)
	}
}

func TestAppliedStagedTellsWhyNot(t *testing.T) {
	b := newBench(t)
	answers := map[string]string{
		"/apis/bos/v2/applystaged":              `{"succeeded": ["x1000c0s0b0n0"], "failed": ["x1000c0s1b0n0"], "ignored": ["x1000c0s2b0n0", "x1000c0s3b0n0"]}`,
		"/apis/bos/v2/components/x1000c0s1b0n0": `{"error": "Staged session 's9' does not exist", "staged_state": {"session": "s9"}}`,
		"/apis/bos/v2/components/x1000c0s2b0n0": `{"error": "", "staged_state": {"session": ""}}`,
		"/apis/bos/v2/components/x1000c0s3b0n0": `{"error": "", "staged_state": {"session": ""}}`,
	}
	b.answer = hsmOf(paths(answers))
	code, out, stderr := b.run(typed("drover bos applystaged create --xnames x1000 --format json")...)
	want := `"1 applied, 1 failed, 2 ignored\n  x1000c0s1b0n0: Staged session 's9' does not exist\n  x1000c0s[2-3]b0n0: nothing is staged for it"`
	if code != 3 || !strings.Contains(stderr, want) || !strings.Contains(out, `"succeeded": [`) {
		t.Errorf("exit %d\n%s%s", code, out, stderr)
	}
	if code, _, stderr = b.run(typed("cray bos v2 applystaged create --xnames x1000c0s[0-3]b0n0")...); code != 0 || stderr != "" {
		t.Errorf("the published tool: exit %d, %s", code, stderr)
	}
	answers["/apis/bos/v2/applystaged"] = `{"succeeded": ["x1000c0s0b0n0"], "failed": [], "ignored": []}`
	if code, _, stderr = b.run(typed("drover bos applystaged create --xnames x1000c0s0b0n0")...); code != 0 || stderr != "" {
		t.Errorf("all applied: exit %d, %s", code, stderr)
	}
}

func TestExplainOfManyNodesIsFolded(t *testing.T) {
	b := newBench(t)
	off := func(x string) string {
		return `{"id": "` + x + `", "session": "s1", "enabled": true, "status": {"status": "power_on_pending"}}`
	}
	b.answer = hsmOf(paths(map[string]string{
		"/apis/bos/v2/components/x1000c0s0b0n0": off("x1000c0s0b0n0"), "/apis/bos/v2/components/x1000c0s1b0n0": off("x1000c0s1b0n0"),
		"/apis/bos/v2/components/x1000c0s2b0n0": `{"id": "x1000c0s2b0n0", "session": "s1", "status": {"status": "failed"}, "error": "PCS could not power on: no power", "staged_state": {"session": "s2"}}`,
		"/apis/power-control/v1/power-status":   `{"status": [{"powerState": "off", "managementState": "available"}]}`,
	}))
	want := "x1000c0s[0-1]b0n0 is off and about to be powered on.\nx1000c0s2b0n0 failed; session s2 is staged for it. PCS could not power on: no power\nx1000c0s3b0n0 is not known to the boot service.\n"
	for _, names := range []string{"x1000c0", "nid[1-4]", "Compute", "x1000c0s[0-3]b0n0"} {
		if code, out, stderr := b.run("drover", "explain", names); code != 0 || out != want {
			t.Errorf("%s: exit %d %s\n got %s\nwant %s", names, code, stderr, out, want)
		}
	}
	if code, out, stderr := b.run("drover", "explain", "x1000c0s[0-1]b0n0", "x1000c0s2b0n0", "nid4"); code != 0 || out != want {
		t.Errorf("several arguments: exit %d %s\n got %s\nwant %s", code, stderr, out, want)
	}
	if code, out, stderr := b.run("drover", "explain", "x1000c0s9b0n0"); code != 2 || out != "" || !strings.Contains(stderr, "HSM does not know x1000c0s9b0n0; nearest is x1000c0s") {
		t.Errorf("an unknown node: exit %d %s\n%s", code, out, stderr)
	}
	for _, command := range []string{"explain", "console"} {
		if code, _, stderr := b.run("drover", command, "x1000c0s9"); code != 2 || !strings.Contains(stderr, "HSM does not know x1000c0s9.") {
			t.Errorf("%s: exit %d, %s", command, code, stderr)
		}
	}
}

func TestExplainTellsWhoHoldsTheNodeAndWhatItsSessionWaitsFor(t *testing.T) {
	b := newBench(t)
	b.answer = paths(map[string]string{
		"/apis/bos/v2/components/x1000c0s0b0n0":           `{"id": "x", "enabled": true, "session": "s1", "status": {"status": "configuring"}, "desired_state": {"configuration": "site"}}`,
		"/apis/power-control/v1/power-status":             `{"status": [{"powerState": "on", "managementState": "available"}]}`,
		"/apis/cfs/v3/components/x1000c0s0b0n0":           `{"desired_config": "site", "configuration_status": "pending", "enabled": true}`,
		"/apis/smd/hsm/v2/State/Components/x1000c0s0b0n0": `{"ID": "x1000c0s0b0n0", "Enabled": false}`,
		"/apis/smd/hsm/v2/locks/status":                   `{"Components": [{"ID": "x1000c0s0b0n0", "Locked": true, "Reserved": false}]}`,
		"/apis/cfs/v3/sessions": `{"sessions": [{"name": "other", "ansible": {"limit": "x1000c0s0b0n1"}},
			{"name": "batcher-1", "ansible": {"limit": "x9,x1000c0s0b0n0"}, "status": {"session": {"waiting": {"reason": "no route to git.example"}}}}]}`,
	})
	code, out, stderr := b.run("drover", "explain", "x1000c0s0b0n0")
	for _, want := range []string{"x1000c0s0b0n0 is up and being configured; disabled in HSM; locked in HSM.\n",
		"CFS session batcher-1 is configuring it.\n  That session waits: no route to git.example\n", "hardware       disabled in HSM, locked in HSM"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d %s: no %q in\n%s", code, stderr, want, out)
		}
	}
}

func TestConsolesOfManyNodes(t *testing.T) {
	b := newBench(t)
	consoles := map[string]string{"/apis/drover/v1/nodes/x1000c0s1b0n0/console": `{"lines": ["boot", "login:"]}`}
	b.answer = hsmOf(paths(consoles))
	code, out, stderr := b.run("drover", "console", "x1000c0s[0-1]b0n0")
	if code != 3 || out != "==> x1000c0s1b0n0 <==\nboot\nlogin:\n" || !strings.Contains(stderr, "no console of x1000c0s0b0n0: ") {
		t.Errorf("exit %d\n%s%s", code, out, stderr)
	}
	if _, again, _ := b.run("drover", "console", "x1000c0s0b0n0", "x1000c0s1b0n0"); again != out {
		t.Errorf("several arguments:\n%s", again)
	}
	if code, out, _ = b.run("drover", "console", "nid2"); code != 0 || out != "boot\nlogin:\n" {
		t.Errorf("one: exit %d\n%s", code, out)
	}
}
