package pcs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/pcs"
)

func limit(x string, watts int) pcs.CapOrder {
	return pcs.CapOrder{Xname: x, Controls: []pcs.CapControl{{Name: "Server Power Control", Value: watts}}}
}

func (w *world) setCaps(orders ...pcs.CapOrder) string {
	w.t.Helper()
	id, err := w.client.SetCaps(context.Background(), orders)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// capped waits for the end of the task and returns its components by xname.
func (w *world) capped(id string) (task pcs.CapTask, by map[string]pcs.CappedComponent) {
	w.t.Helper()
	w.eventually("power cap task is completed", func() bool {
		var err error
		if task, err = w.client.CapTask(context.Background(), id); err != nil {
			w.t.Fatal(err)
		}
		return task.TaskStatus == pcs.CapCompleted
	})
	by = map[string]pcs.CappedComponent{}
	for _, c := range task.Components {
		by[c.Xname] = c
	}
	return task, by
}

func (w *world) capOf(x string) (watts int) {
	w.hardware.with(func() { watts = w.hardware.caps[x] })
	return watts
}

func TestPowerCapsAreSetAndRead(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "On")
	w.add(n1, "Off")
	w.start()
	w.site.lose(2) // HSM comes back
	task, by := w.capped(w.setCaps(limit(n0, 500), pcs.CapOrder{Xname: n1, Controls: []pcs.CapControl{{Name: "node", Value: 400}}}))
	if c := task.TaskCounts; c.Total != 2 || c.Succeeded != 2 || task.Type != pcs.CapPatch || by[n0].PowerCapLimits[0].CurrentValue != 500 {
		t.Errorf("%+v", task)
	}
	if w.capOf(n0) != 500 || w.capOf(n1) != 400 {
		t.Errorf("%d and %d W", w.capOf(n0), w.capOf(n1))
	}
	w.journalHas(n0, "power cap 'Server Power Control' 500 W set", false)
	w.capped(w.setCaps(limit(n0, 0)))
	id, err := w.client.SnapshotCaps(context.Background(), []string{n0, n1, n0})
	if err != nil {
		t.Fatal(err)
	}
	task, by = w.capped(id)
	want := pcs.PowerCap{Name: "Server Power Control", CurrentValue: 400, MaximumValue: 925, MinimumValue: 350}
	if len(task.Components) != 2 || by[n1].PowerCapLimits[0] != want || by[n0].PowerCapLimits[0].CurrentValue != 0 || by[n1].Limits.HostLimitMax != 925 {
		t.Errorf("%+v", task)
	}
	var list struct{ Tasks []map[string]json.RawMessage }
	if _, err := w.http.Do(context.Background(), http.MethodGet, "/power-cap", nil, nil, &list); err != nil || len(list.Tasks) != 3 || list.Tasks[0]["components"] != nil {
		t.Errorf("%v %v", list, err)
	}
}

func TestAPowerCapThatIsNotSetSaysWhy(t *testing.T) {
	for name, tt := range map[string]struct {
		order pcs.CapOrder
		onCap func(string) int
		want  string
		watts int
	}{
		"refused":         {limit(n0, 500), func(string) int { return 400 }, "supply 2 is missing", 600},
		"below the range": {limit(n0, 349), nil, "349 W is not in the range of 'Server Power Control': 350 to 925 W", 600},
		"above the range": {limit(n0, 926), nil, "350 to 925 W", 600},
		"unknown control": {pcs.CapOrder{Xname: n0, Controls: []pcs.CapControl{{Name: "Server Power Control", Value: 500}, {Name: "accel", Value: 1}}}, nil,
			"there is no control 'accel': the BMC has 'Server Power Control'", 600},
		"the same twice": {pcs.CapOrder{Xname: n0, Controls: []pcs.CapControl{{Name: "Server Power Control", Value: 500}, {Name: "node", Value: 400}}}, nil, "given twice", 600},
		"management":     {limit(n1, 500), nil, "has the role Management", 0},
		"no node":        {limit("x1c0s0b0", 500), nil, "only nodes have power caps", 0},
		"unknown":        {limit("x9c0s0b0n0", 500), nil, "Component not found", 0},
		"no limit":       {limit(n2, 500), nil, "no power limit", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for _, x := range []string{n0, n1, n2} {
				w.add(x, "On")
			}
			w.site.roles = map[string]string{n1: "Management", n0: "Compute"}
			w.hardware.with(func() { w.hardware.caps[n0], w.hardware.onCap = 600, tt.onCap; delete(w.hardware.caps, n2) })
			w.start()
			task, by := w.capped(w.setCaps(tt.order))
			if c := by[tt.order.Xname]; !strings.Contains(c.Error, tt.want) || task.TaskCounts.Failed != 1 || task.TaskCounts.InProgress != 0 {
				t.Errorf("%+v", task)
			}
			if w.capOf(n0) != 600 || w.capOf(n1) != 0 {
				t.Errorf("%d and %d W", w.capOf(n0), w.capOf(n1))
			}
			if tt.order.Xname == n1 { // to be read
				id, err := w.client.SnapshotCaps(context.Background(), []string{n1})
				if err != nil {
					t.Fatal(err)
				}
				if _, by := w.capped(id); by[n1].Error != "" {
					t.Errorf("%+v", by)
				}
			}
			if strings.HasPrefix(tt.order.Xname, "x1c0s0b0n") {
				w.journalHas(tt.order.Xname, tt.want, true)
			}
		})
	}
}

func TestABMCThatDoesNotHoldToItsPowerCapIsTold(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "On")
	var passed atomic.Int64
	w.now = func() time.Time { return time.Now().Add(time.Duration(passed.Add(int64(time.Second)))) }
	w.hardware.onCap = func(string) int { return 204 } // says yes, does nothing
	w.start()
	if _, by := w.capped(w.setCaps(limit(n0, 500))); !strings.Contains(by[n0].Error, "accepted 500 W for 'Server Power Control' and tells 0 W") {
		t.Errorf("%+v", by)
	}
}

func TestABusyBMCIsAskedForACapAgain(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "On")
	var asked atomic.Int32
	w.hardware.onCap = func(string) int {
		if asked.Add(1) < 3 {
			return 503
		}
		return 0
	}
	w.start()
	if _, by := w.capped(w.setCaps(limit(n0, 500))); by[n0].Error != "" || w.capOf(n0) != 500 || asked.Load() != 3 {
		t.Errorf("%+v, asked %d times", by, asked.Load())
	}
}

// A server that is killed while a BMC sets a cap goes on with the task, and
// then with the one that waited for it: the last one's cap stays.
func TestKilledServerGoesOnWithPowerCapsInOrder(t *testing.T) {
	w := newWorld(t)
	for _, x := range []string{n0, n1, n2} {
		w.add(x, "On")
	}
	path := filepath.Join(t.TempDir(), "db")
	w.reopen(path)
	kill := w.doomed(path)
	arrived, killed := make(chan struct{}), make(chan struct{})
	w.hardware.onCap = func(id string) int {
		if id == n0 {
			w.hardware.with(func() { w.hardware.onCap = nil })
			close(arrived)
			<-killed
		}
		return 0
	}
	first := w.setCaps(limit(n0, 400), limit(n2, 400))
	second := w.setCaps(limit(n0, 600))
	<-arrived
	go func() { kill(); close(killed) }()
	<-killed
	w.start()
	for _, id := range []string{first, second} {
		if task, _ := w.capped(id); task.TaskCounts.Failed != 0 || task.TaskCounts.Succeeded != task.TaskCounts.Total {
			t.Errorf("%+v", task)
		}
	}
	if w.capOf(n0) != 600 || w.capOf(n2) != 400 {
		t.Errorf("%d and %d W", w.capOf(n0), w.capOf(n2))
	}
}

func TestAPowerCapTaskThatIsTooOldIsNotTakenUp(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "On")
	w.hardware.onCap = func(string) int { return 503 }
	w.start()
	id := w.setCaps(limit(n0, 400))
	w.eventually("the task runs", func() bool {
		task, err := w.client.CapTask(context.Background(), id)
		return err == nil && task.TaskStatus == pcs.CapInProgress
	})
	w.service.Stop()
	w.hardware.with(func() { w.hardware.onCap = nil }) // a request that was broken off may still be there
	w.now = func() time.Time { return time.Now().Add(16 * time.Minute) }
	w.start()
	if _, by := w.capped(id); !strings.Contains(by[n0].Error, "too old") || w.capOf(n0) != 0 {
		t.Errorf("%+v, %d W", by, w.capOf(n0))
	}
}

func TestTheLocationOfAPowerCapTaskLeadsToIt(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "On")
	w.start()
	for path, body := range map[string]string{
		"PATCH /v1/power-cap":         fmt.Sprintf(`{"components":[{"xname":%q,"controls":[{"name":"node","value":0}]}]}`, n0),
		"POST /v1/power-cap/snapshot": fmt.Sprintf(`{"xnames":[%q]}`, n0),
	} {
		method, path, _ := strings.Cut(path, " ")
		header, err := w.http.Do(context.Background(), method, path, nil, []byte(body), nil)
		if err != nil {
			t.Fatal(err)
		}
		at := filepath.Join(filepath.Dir(path), header.Get("Location"))
		if _, err := w.http.Do(context.Background(), http.MethodGet, at, nil, nil, nil); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}
