package hsm

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGroups(t *testing.T) {
	b := seeded(t)
	got := b.ok("POST", "/groups", `{"label":"Blue","description":"d","tags":["T1"],"exclusiveGroup":"colour","members":{"ids":["x1000c0s0b0n1","X1000c0s0b0n0"]}}`)
	if got != `[{"URI":"/hsm/v2/groups/blue"}]` {
		t.Error(got)
	}
	b.ok("POST", "/groups", `{"label":"red","exclusiveGroup":"colour"}`)
	b.ok("POST", "/groups", `{"label":"tall","members":{"ids":["x1000c0s0b0n0"]}}`)
	if got := b.ok("GET", "/groups", ""); got != `[{"label":"blue","description":"d","tags":["t1"],"exclusiveGroup":"colour","members":{"ids":["x1000c0s0b0n0","x1000c0s0b0n1"]}},`+
		`{"label":"red","description":"","exclusiveGroup":"colour","members":{"ids":[]}},{"label":"tall","description":"","members":{"ids":["x1000c0s0b0n0"]}}]` {
		t.Error(got)
	}
	if got := b.ok("GET", "/groups/labels", ""); got != `["blue","red","tall"]` {
		t.Error(got)
	}
	b.refused("POST", "/groups", `{"label":"blue"}`, 409, "blue")
	b.refused("POST", "/groups", `{"label":"no blanks"}`, 400, "label")
	b.refused("POST", "/groups", `{"label":"new","members":{"ids":["x9c0s0b0n0"]}}`, 400, "linked component does not exist: x9c0s0b0n0")
	b.refused("GET", "/groups/new", "", 404, "No such group: new") // the refused creation left nothing
	b.refused("POST", "/groups/red/members", `{"id":"x1000c0s0b0n0"}`, 409, "blue")
	b.refused("POST", "/groups/tall/members", `{"id":"x1000c0s0b0n0"}`, 409, "exists")
	b.refused("POST", "/groups/none/members", `{"id":"x1000c0s0b0n0"}`, 404, "No such group")
	b.ok("POST", "/groups/red/members", `{"id":"x1000c0s1b0n0"}`)
	b.ok("DELETE", "/groups/blue/members/x1000c0s0b0n0", "")
	b.refused("DELETE", "/groups/blue/members/x1000c0s0b0n0", "", 404, "no such member")
	b.ok("POST", "/groups/red/members", `{"id":"x1000c0s0b0n0"}`)
	b.ok("PATCH", "/groups/blue", `{"description":"changed"}`)
	if got := b.ok("GET", "/groups?tag=t1&tag=t9", ""); got != `[{"label":"blue","description":"changed","tags":["t1"],"exclusiveGroup":"colour","members":{"ids":["x1000c0s0b0n1"]}}]` {
		t.Error(got)
	}
	b.ok("DELETE", "/groups/blue", "")
	b.refused("DELETE", "/groups/blue", "", 404, "No such group: blue")
	b.ok("POST", "/groups", `{"label":"blue"}`)
	if got := b.ok("GET", "/groups/blue/members", ""); got != `{"ids":[]}` {
		t.Errorf("a deleted group left members %s", got)
	}
}

func TestPartitionsAndMemberships(t *testing.T) {
	b := seeded(t)
	b.ok("POST", "/groups", `{"label":"blue","members":{"ids":["x1000c0s0b0n0","x1000c0s0b0n1"]}}`)
	b.ok("POST", "/partitions", `{"name":"P1.2","tags":["t"],"members":{"ids":["x1000c0s0b0n0"]}}`)
	if got := b.ok("GET", "/partitions", ""); got != `[{"name":"p1.2","tags":["t"],"members":{"ids":["x1000c0s0b0n0"]}}]` {
		t.Error(got)
	}
	b.ok("POST", "/partitions", `{"name":"p2"}`)
	b.refused("POST", "/partitions", `{"name":"one"}`, 400, "pN")
	b.refused("POST", "/partitions/p2/members", `{"id":"x1000c0s0b0n0"}`, 409, "p1.2")
	b.ok("POST", "/partitions/p2/members", `{"id":"x1000c0s1b0n0"}`)
	if got := b.ok("GET", "/groups/blue?partition=p1.2", ""); got != `{"label":"blue","description":"","members":{"ids":["x1000c0s0b0n0"]}}` {
		t.Error(got)
	}
	if got := b.ok("GET", "/memberships/x1000c0s0b0n0", ""); got != `{"id":"x1000c0s0b0n0","groupLabels":["blue"],"partitionName":"p1.2"}` {
		t.Error(got)
	}
	if got := b.ok("GET", "/memberships?group=NULL&type=Node", ""); got != `[{"id":"x1000c0s1b0n0","groupLabels":[],"partitionName":"p2"}]` {
		t.Error(got)
	}
	b.refused("GET", "/memberships/x9c0s0b0n0", "", 404, "no such xname")
	b.refused("GET", "/memberships/bogus", "", 400, "invalid xname")
	b.ok("DELETE", "/partitions/p2/members/x1000c0s1b0n0", "")
	b.ok("DELETE", "/partitions/p2", "")
	if got := b.ok("GET", "/partitions/names", ""); got != `["p1.2"]` {
		t.Error(got)
	}
	parts, err := b.client.Partitions(t.Context())
	if diff := cmp.Diff([]Partition{{Name: "p1.2", Tags: []string{"t"}, Members: Members{IDs: []string{"x1000c0s0b0n0"}}}}, parts); err != nil || diff != "" {
		t.Error(err, diff)
	}
}
