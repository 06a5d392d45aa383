package cli

import (
	"strings"
	"testing"
)

const aPlan = `{"id": "p1", "at": "2026-01-02T03:04:05Z", "operation": "reboot", "template_name": "compute", "limit": "", "nodes": 3, "groups": [
	{"nodes": ["x1c0s0b0n0", "x1c0s1b0n0"], "now": {"power": "on", "status": "stable", "image": "old", "configuration": "site", "configuration_status": "configured"},
	 "then": {"image": "new", "kernel": "s3://b/new/kernel", "configuration": "site"}, "parameters_added": ["debug"], "parameters_removed": ["quiet"],
	 "layers": [{"name": "base", "repository": "https://git/base.git", "playbook": "site.yml", "from": "11111111111111", "to": "22222222222222", "runs": true},
		{"repository": "https://git/net.git", "to": "33333333333333", "from": "33333333333333", "runs": false}],
	 "actions": ["shutdown", "power on", "configure"], "taken_from": "night"},
	{"nodes": ["x1c0s2b0n0"], "now": {"power": "undefined", "status": "on_hold"}, "then": {}, "actions": [], "waits": "PCS cannot tell"}],
	"left_out": [{"name": "x1c0s3b0n0", "reason": "it is locked in HSM"}, {"name": "x1c0s4b0n0", "reason": "it is locked in HSM"}],
	"boots": [{"image": "new", "kernel": "s3://b/new/kernel", "count": 53, "median_seconds": 130.04}, {"image": "x", "kernel": "y", "count": 0}]}`

func TestAPlanIsToldInWords(t *testing.T) {
	b := newBench(t)
	b.answer = fleet(map[string]string{"POST": aPlan})
	code, out, stderr := b.run(typed("drover reboot x1c0s[0-1]b0n0 --template compute --name again --dry-run")...)
	want := `  2 nodes: x1c0s[0-1]b0n0
    now         on, stable, image old, configuration site configured
    then        image new, configuration site
    parameters  +debug -quiet
    layer       base site.yml: 1111111111 -> 2222222222
    layer       net: stays at 3333333333
    taken from  session night, which drives them now
    does        shutdown, power on, configure
  1 node: x1c0s2b0n0
    now         undefined, on_hold
    then        off
    waits       PCS cannot tell
left out x1c0s[3-4]b0n0: it is locked in HSM
a boot of new takes 2m10s from the power-on to the node's report (median of the last 53)
how long a boot of x takes is not known: no history
Next: drover apply p1 does it if nothing has changed
`
	first, rest, _ := strings.Cut(out, "\n")
	if code != 0 || rest != want || !strings.HasPrefix(first, "plan p1: reboot of 3 nodes by template compute, as of ") {
		t.Errorf("exit %d %s\n%s", code, stderr, out)
	}
	call := `POST /apis/drover/v1/sessions?dry_run=true {"name":"again","operation":"reboot","template_name":"compute","limit":"x1c0s0b0n0,x1c0s1b0n0"}`
	if got := b.calls[len(b.calls)-1]; got != call {
		t.Errorf("called %s", got)
	}
}

func TestAPlanAsDataIsTheAnswer(t *testing.T) {
	b := newBench(t)
	b.answer = fleet(map[string]string{"POST": aPlan})
	code, out, stderr := b.run(typed("drover off x1c0s0b0n0 --template compute --dry-run --format json")...)
	if code != 0 || !strings.HasPrefix(out, "{\n  \"id\": \"p1\",") || !strings.Contains(out, `"waits": "PCS cannot tell"`) {
		t.Errorf("exit %d %s\n%s", code, stderr, out)
	}
}

func TestApplyStartsTheSessionOfAPlan(t *testing.T) {
	b := newBench(t)
	b.answer = fleet(map[string]string{"POST": `{"session": "s9", "plan": ` + aPlan + `}`})
	code, out, stderr := b.run(typed("drover apply p1")...)
	want := "session s9: reboot of 3 nodes (x1c0s[0-2]b0n0) by template compute\nNext: drover watch s9 follows it, drover cancel s9 ends it\n"
	if got := b.calls[len(b.calls)-1]; code != 0 || out != want || got != "POST /apis/drover/v1/plans/p1/apply" {
		t.Errorf("exit %d %s\n%s%q", code, stderr, out, got)
	}
}

func TestADryRunIsNotWaitedFor(t *testing.T) {
	b := newBench(t)
	if code, _, stderr := b.run(typed("drover boot x1c0s0b0n0 --dry-run --wait")...); code != 2 || !strings.Contains(stderr, "dry-run") {
		t.Errorf("exit %d %s", code, stderr)
	}
}

func TestConfigureTellsWhichLayersItWouldRun(t *testing.T) {
	const site = `{"name": "site", "layers": [{"name": "base", "clone_url": "https://git/base.git", "playbook": "site.yml", "commit": "22222222222222"},
		{"name": "net", "source": "net", "playbook": "net.yml", "commit": "33333333333333"}]}`
	const components = `{"components": [
		{"id": "x1c0s0b0n0", "desired_config": "site", "state": [{"clone_url": "https://git/base.git", "playbook": "site.yml", "commit": "11111111111111", "status": "applied"},
			{"clone_url": "https://git/net.git", "playbook": "net.yml", "commit": "33333333333333", "status": "applied"}]},
		{"id": "x1c0s1b0n0", "desired_config": "site", "state": [{"clone_url": "https://git/net.git", "playbook": "net.yml", "commit": "33333333333333", "status": "failed"}]}]}`
	for line, want := range map[string]string{
		"drover configure x1c0s[0-1]b0n0 --desired-config site --dry-run": `1 node (x1c0s0b0n0): configuration site
  layer  base site.yml: 1111111111 -> 2222222222
  layer  net net.yml: stays at 3333333333
1 node (x1c0s1b0n0): configuration site
  layer  base site.yml: runs at 2222222222
  layer  net net.yml: runs again at 3333333333
`,
		"drover configure x1c0s[0-1]b0n0 --dry-run": `2 nodes (x1c0s[0-1]b0n0): configuration site
  layer  base site.yml: runs at 2222222222
  layer  net net.yml: runs at 3333333333
`,
	} {
		b := newBench(t)
		b.answer = fleet(map[string]string{"/apis/cfs/v3/configurations/site": site, "/apis/cfs/v3/components": components,
			"/apis/cfs/v3/sources/net": `{"name": "net", "clone_url": "https://git/net.git"}`})
		code, out, stderr := b.run(typed(line)...)
		if code != 0 || out != want || strings.Contains(strings.Join(b.calls, " "), "PATCH") {
			t.Errorf("%s: exit %d %s\n%s%q", line, code, stderr, out, b.calls)
		}
	}
}
