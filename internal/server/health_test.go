package server

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/explain"
)

func TestHealthOfANode(t *testing.T) {
	c := testConfig(t)
	c.Simulate = 1
	s, err := Start(t.Context(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	node := s.Fleet().Nodes()[0].Xname()
	sub := s.hub.Subscribe(bos.ComponentsTable)
	defer sub.Close()
	ask := func(node string) (h explain.Health, status int, text string) {
		t.Helper()
		resp, err := http.Get(s.URL() + "/apis/drover/v1/nodes/" + node + "/health")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var body bytes.Buffer
		body.ReadFrom(resp.Body)
		if err := json.Unmarshal(body.Bytes(), &h); err != nil {
			t.Fatalf("%s: %v", body.String(), err)
		}
		return h, resp.StatusCode, body.String()
	}
	h, status, _ := ask(node)
	for status == http.StatusNotFound { // until the boot service knows it
		select {
		case <-sub.Ready():
			sub.Take()
		case <-time.After(time.Minute):
			t.Fatal("the boot service does not learn of the node")
		}
		h, status, _ = ask(node)
	}
	if status != http.StatusOK || h.Node != node || h.Verdict != explain.Idle || h.Words != "was never booted by the boot service." || len(h.Held) != 0 {
		t.Errorf("%d %+v", status, h)
	}
	for _, route := range []string{"health", "console", "journal"} {
		resp, err := http.Get(s.URL() + "/apis/drover/v1/nodes/x1000/" + route)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s of what is no node: %s", route, resp.Status)
		}
	}
	resp, err := http.Post(s.URL()+"/apis/smd/hsm/v2/locks/lock", "application/json", strings.NewReader(`{"ComponentIDs": ["`+node+`"]}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if h, _, _ = ask(strings.ToUpper(node)); !slices.Equal(h.Held, []string{"locked in HSM"}) || !strings.HasSuffix(h.Words, "; locked in HSM.") {
		t.Errorf("locked: %+v", h)
	}
	if _, status, text := ask("x9c0s0b0n0"); status != http.StatusNotFound || !strings.Contains(text, "x9c0s0b0n0 is not known to the boot service") {
		t.Errorf("a node that nobody knows: %d %s", status, text)
	}
}
