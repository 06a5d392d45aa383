package roster

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// reports reads what services answer.
func reports(t *testing.T, text string) *Reports {
	t.Helper()
	var r Reports
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

const said = `{
	"Hardware": [{"ID": "x1c0s1b0n0", "State": "Ready", "Flag": "OK", "Enabled": true, "Role": "Compute", "SubRole": "Worker", "NID": 7, "Locked": true},
		{"ID": "x1c0s0b0n0", "State": "Off", "Flag": "Warning", "Enabled": false}, {"ID": "x1c0s0b0", "State": "Ready"}],
	"Power": [{"xname": "x1c0s1b0n0", "powerState": "on", "managementState": "available"}, {"xname": "x1c0s0b0", "powerState": "on"},
		{"xname": "x1c0s0b0n0", "powerState": "undefined", "managementState": "unavailable", "error": "no such BMC"}],
	"Components": [
		{"id": "x1c0s1b0n0", "enabled": true, "session": "s2", "v1_session": "first", "error": "late", "status": {"phase": "configuring", "status": "configuring", "phase_since": "2026-01-02T03:04:05"},
			"actual_state": {"boot_artifacts": {"kernel": "s3://boot-images/a-b/kernel"}}, "desired_state": {"boot_artifacts": {"kernel": "s3://boot-images/c-d/kernel"}, "configuration": "old"}},
		{"id": "x1c0s2b0n0", "status": {"status": "stable"}, "desired_state": {"boot_artifacts": {"kernel": "kernel"}, "configuration": "mine"}}],
	"Configs": [{"id": "x1c0s1b0n0", "desired_config": "site", "configuration_status": "pending"}, {"id": "x9c0s0b0n0", "desired_config": "other"}],
	"Images": [{"name": "compute-9", "link": {"path": "s3://boot-images/a-b/manifest.json"}}, {"name": "empty"}]}`

func TestJoinTellsOfEachNodeWhatEachServiceKnows(t *testing.T) {
	nid, since := 7, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	want := []Node{
		{Xname: "x1c0s0b0n0", State: "Off", Flag: "Warning", Disabled: true, Power: "undefined", Management: "unavailable", Error: "no such BMC"},
		{Xname: "x1c0s1b0n0", NID: &nid, Role: "Compute", SubRole: "Worker", State: "Ready", Flag: "OK", Locked: true, Power: "on", Management: "available",
			Status: "configuring", Phase: "configuring", Since: &since, Enabled: true, Session: "first", Image: "compute-9", DesiredImage: "c-d",
			Configuration: "site", ConfigStatus: "pending", Error: "late"},
		{Xname: "x1c0s2b0n0", Status: "stable", DesiredImage: "kernel", Configuration: "mine"},
	}
	if diff := cmp.Diff(want, Join(reports(t, said), nil)); diff != "" {
		t.Error(diff)
	}
}

func TestJoinTellsOnlyOfNodesThatAreAskedFor(t *testing.T) {
	got := Join(reports(t, said), map[string]bool{"x1c0s2b0n0": true, "x9c0s0b0n0": true})
	if len(got) != 1 || got[0].Xname != "x1c0s2b0n0" {
		t.Errorf("%+v", got)
	}
	if got := Join(&Reports{}, nil); got == nil || len(got) != 0 {
		t.Errorf("of nothing %v, want an empty list", got)
	}
}
