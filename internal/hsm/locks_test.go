package hsm

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestLocks(t *testing.T) {
	b := seeded(t)
	got := b.ok("POST", "/locks/lock", `{"ComponentIDs":["x1000c0s0b0n0"]}`)
	if got != `{"Counts":{"Total":1,"Success":1,"Failure":0},"Success":{"ComponentIDs":["x1000c0s0b0n0"]},"Failure":[]}` {
		t.Error(got)
	}
	if nodes, err := b.client.LockedNodes(t.Context()); err != nil || len(nodes) != 1 || nodes[0] != "x1000c0s0b0n0" {
		t.Errorf("locked nodes %v, %v", nodes, err)
	}
	if got := b.ids("/State/Components?locked=true"); got != "x1000c0s0b0n0" {
		t.Error(got)
	}
	b.refused("POST", "/locks/lock", `{"Type":["Node"]}`, 400, "Component is Locked")
	if b.component("x1000c0s0b0n1").Locked {
		t.Error("a refused rigid lock locked something")
	}
	got = b.ok("POST", "/locks/lock", `{"ComponentIDs":["x1000c0s0b0n0","x1000c0s0b0n1","x9c0s0b0n0"],"ProcessingModel":"flexible"}`)
	if got != `{"Counts":{"Total":3,"Success":1,"Failure":2},"Success":{"ComponentIDs":["x1000c0s0b0n1"]},"Failure":[{"ID":"x9c0s0b0n0","Reason":"NotFound"},{"ID":"x1000c0s0b0n0","Reason":"Locked"}]}` {
		t.Error(got)
	}
	b.refused("POST", "/locks/lock", `{"ComponentIDs":["x9c0s0b0n0"]}`, 400, "Component not found: x9c0s0b0n0")
	b.refused("POST", "/locks/lock", `{"ProcessingModel":"loose"}`, 400, "ProcessingModel")
	b.refused("POST", "/locks/unlock", `{"ComponentIDs":["x1000c0s1b0n0"]}`, 400, "Component is Unlocked")
	b.ok("POST", "/locks/unlock", `{"Role":["Compute","Management"],"ProcessingModel":"flexible"}`)
	if got := b.ok("GET", "/locks/status?locked=TRUE", ""); got != `{"Components":[]}` {
		t.Error(got)
	}
	got = b.ok("POST", "/locks/status", `{"ComponentIDs":["x1000c0s0b0n0","x9c0s0b0n0"]}`)
	if got != `{"Components":[{"ID":"x1000c0s0b0n0","Locked":false,"Reserved":false,"ReservationDisabled":false}],"NotFound":["x9c0s0b0n0"]}` {
		t.Error(got)
	}
	b.ok("POST", "/locks/disable", `{}`)
	if got := b.ids("/State/Components?reservation_disabled=true"); strings.Count(got, "x") != 4 {
		t.Errorf("disabled: %s", got)
	}
}

func TestReservations(t *testing.T) {
	b := seeded(t)
	const node = `{"ComponentIDs":["x1000c0s0b0n0"]}`
	reserve := func(path, body string) Keys {
		t.Helper()
		var r ReservationResult
		if err := json.Unmarshal([]byte(b.ok("POST", path, body)), &r); err != nil || len(r.Success) != 1 {
			t.Fatalf("%+v %v", r, err)
		}
		return r.Success[0]
	}
	b.refused("POST", "/locks/reservations", node, 400, "Component is Unlocked")
	b.refused("POST", "/locks/service/reservations", `{"ComponentIDs":["x1000c0s0b0n0"],"ReservationDuration":16}`, 400, "1 to 15")
	k := reserve("/locks/service/reservations", `{"ComponentIDs":["x1000c0s0b0n0"],"ReservationDuration":2}`)
	if !strings.HasPrefix(k.DeputyKey, "x1000c0s0b0n0:dk:") || !strings.HasPrefix(k.ReservationKey, "x1000c0s0b0n0:rk:") ||
		k.ExpirationTime == nil || !k.ExpirationTime.Equal(b.clock().Add(2*time.Minute)) {
		t.Errorf("keys %+v", k)
	}
	b.refused("POST", "/locks/service/reservations", node, 400, "Component is Reserved")
	check := fmt.Sprintf(`{"DeputyKeys":[{"ID":"x1000c0s0b0n0","Key":%q},{"ID":"x1000c0s0b0n1","Key":"x"}]}`, k.DeputyKey)
	if got := b.ok("POST", "/locks/service/reservations/check", check); !strings.Contains(got, k.DeputyKey) ||
		!strings.Contains(got, `"Failure":[{"ID":"x1000c0s0b0n1","Reason":"NotFound"}]`) || strings.Contains(got, "ReservationKey") {
		t.Error(got)
	}
	withKey := func(key string) string {
		return fmt.Sprintf(`{"ReservationKeys":[{"ID":"x1000c0s0b0n0","Key":%q}],"ReservationDuration":15}`, key)
	}
	b.refused("POST", "/locks/service/reservations/release", withKey(k.DeputyKey), 400, "not found")
	b.ok("POST", "/locks/service/reservations/renew", withKey(k.ReservationKey))
	b.advance(14 * time.Minute)
	if got := b.ok("GET", "/locks/status?reserved=true", ""); !strings.Contains(got, `"ID":"x1000c0s0b0n0"`) {
		t.Errorf("a renewed reservation is gone: %s", got)
	}
	b.advance(time.Minute)
	if got := b.ok("GET", "/locks/status?reserved=true", ""); got != `{"Components":[]}` {
		t.Errorf("an expired reservation is there: %s", got)
	}
	if err := b.reap(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rows, err := b.reservations.Get(t.Context(), "x1000c0s0b0n0"); err == nil {
		t.Errorf("%+v was not reaped", rows)
	}
	b.ok("POST", "/locks/lock", node)
	b.refused("POST", "/locks/service/reservations", node, 400, "Component is Locked")
	k = reserve("/locks/reservations", node)
	b.advance(time.Hour)
	b.refused("POST", "/locks/reservations", node, 400, "Component is Reserved")
	b.ok("POST", "/locks/reservations/release", withKey(k.ReservationKey))
	reserve("/locks/reservations", node)
	b.ok("POST", "/locks/disable", node)
	b.refused("POST", "/locks/reservations", node, 400, "reservations are disabled")
	b.ok("POST", "/locks/repair", node)
	reserve("/locks/reservations", node) // disable had dropped the earlier one
	b.ok("POST", "/locks/reservations/remove", node)
	b.refused("POST", "/locks/reservations/remove", node, 400, "not found")
}

// A service takes many reservations with one call each way.
func TestClientReserves(t *testing.T) {
	b := seeded(t)
	ctx := t.Context()
	r, err := b.client.Reserve(ctx, []string{"x1000c0s0b0n0", "x1000c0s0b0n1", "x9c0s0b0n0"}, 1)
	if err != nil || len(r.Success) != 2 || len(r.Failure) != 1 || r.Failure[0] != (Failure{"x9c0s0b0n0", reasonNotFound}) {
		t.Fatalf("reserve: %+v, %v", r, err)
	}
	var keys, deputies []KeyOf
	for _, k := range r.Success {
		keys, deputies = append(keys, KeyOf{k.ID, k.ReservationKey}), append(deputies, KeyOf{k.ID, k.DeputyKey})
	}
	if again, err := b.client.Reserve(ctx, []string{"x1000c0s0b0n0"}, 1); err != nil || len(again.Failure) != 1 || again.Failure[0].Reason != reasonReserved {
		t.Errorf("reserve again: %+v, %v", again, err)
	}
	wrong := KeyOf{"x1000c0s1b0n0", "x"}
	if c, err := b.client.CheckDeputies(ctx, append(deputies, wrong)); err != nil || len(c.Success) != 2 || len(c.Failure) != 1 {
		t.Errorf("check: %+v, %v", c, err)
	}
	b.advance(50 * time.Second)
	if n, err := b.client.Renew(ctx, append(keys, wrong), 1); err != nil || n.Counts.Success != 2 || n.Counts.Failure != 1 {
		t.Errorf("renew: %+v, %v", n, err)
	}
	b.advance(50 * time.Second)
	if n, err := b.client.Release(ctx, append(keys, wrong)); err != nil || n.Counts.Success != 2 || n.Counts.Failure != 1 {
		t.Errorf("release: %+v, %v", n, err)
	}
	if got := b.ok("GET", "/locks/status?reserved=true", ""); got != `{"Components":[]}` {
		t.Error(got)
	}
}
