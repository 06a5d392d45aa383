package server

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/pcs"
	"github.com/drover-hpc/drover/internal/roster"
)

func TestOneCallTellsWhereAllNodesStand(t *testing.T) {
	c := testConfig(t)
	c.Simulate = 2
	s, err := Start(t.Context(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	sub := s.hub.Subscribe(bos.ComponentsTable, pcs.StatusTable, hsm.ComponentsTable)
	defer sub.Close()
	ask := func(query string) (a roster.Answer, status int) {
		t.Helper()
		resp, err := http.Get(s.URL() + "/apis/drover/v1/nodes" + query)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
			t.Fatal(err)
		}
		return a, resp.StatusCode
	}
	a, _ := ask("")
	told := func() bool {
		return len(a.Nodes) == 2 && a.Nodes[0].Power == "off" && a.Nodes[0].State == "Off" && a.Nodes[0].Status != "" && a.Nodes[1].Status != ""
	}
	for !told() {
		select {
		case <-sub.Ready():
			sub.Take()
		case <-time.After(time.Minute):
			t.Fatalf("the services do not learn of the nodes: %+v", a)
		}
		a, _ = ask("")
	}
	n := a.Nodes[0]
	if len(a.Silent) != 0 || n.Power != "off" || n.State != "Off" || n.Status != "stable" || n.Role != "Compute" || n.NID == nil {
		t.Errorf("%+v", a)
	}
	if a, _ = ask("?ids=" + a.Nodes[1].Xname); len(a.Nodes) != 1 || a.Nodes[0].Status != "stable" {
		t.Errorf("by name: %+v", a)
	}
	if _, status := ask("?ids=x1000"); status != http.StatusBadRequest {
		t.Errorf("no node: %d", status)
	}
}
