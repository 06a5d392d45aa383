package server

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drover-hpc/drover/internal/admission"
)

func TestRequestsOfNodesAreToldFromThoseOfAdministrators(t *testing.T) {
	for _, c := range []struct {
		method, path string
		node         bool
	}{
		{"GET", "/apis/bss/boot/v1/bootscript?mac=02:00:00:00:00:01", true},
		{"GET", "/apis/bss/meta-data", true},
		{"POST", "/apis/bss/phone-home", true},
		{"PATCH", "/apis/bos/v2/components/x1000c0s0b0n0", true},
		{"PATCH", "/apis/cfs/v3/components/x1000c0s0b0n0", true},
		{"PATCH", "/apis/smd/hsm/v2/State/Components/x1000c0s0b0n0/StateData", true},
		{"PATCH", "/apis/smd/hsm/v2/Inventory/EthernetInterfaces/020000000001", true},
		{"GET", "/apis/bos/v2/components/x1000c0s0b0n0", false},
		{"PATCH", "/apis/bos/v2/components", false},
		{"PATCH", "/apis/bos/v2/options", false},
		{"POST", "/apis/bos/v2/sessions", false},
		{"GET", "/apis/bss/boot/v1/bootparameters", false},
		{"PATCH", "/apis/smd/hsm/v2/State/Components/BulkStateData", false},
	} {
		if got := asNodesDo(httptest.NewRequest(c.method, c.path, nil)); got != c.node {
			t.Errorf("%s %s: %v", c.method, c.path, got)
		}
	}
}

// A server that is busy with two nodes and has one waiting sends the fourth away
// with a time, and answers an administrator at once.
func TestNodesAreSentAwayAndAdministratorsAreNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done := make(chan struct{})
		c := newCrowd(admission.Limits{Running: 2, Waiting: 1, Patience: time.Minute}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if asNodesDo(r) {
				<-done
			}
			fmt.Fprint(w, "answered")
		}), time.Now)
		ask := func(path string) *http.Response {
			w := httptest.NewRecorder()
			c.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
			return w.Result()
		}
		answers := make(chan int, 3)
		for range 3 {
			go func() { answers <- ask("/apis/bss/meta-data").StatusCode }()
		}
		synctest.Wait()
		refused := ask("/apis/bss/meta-data")
		text, _ := io.ReadAll(refused.Body)
		if refused.StatusCode != http.StatusServiceUnavailable || refused.Header.Get("Retry-After") != "1" {
			t.Errorf("the fourth node: %s %v %s", refused.Status, refused.Header, text)
		}
		if got := ask("/apis/bos/v2/sessions"); got.StatusCode != http.StatusOK {
			t.Errorf("an administrator: %s", got.Status)
		}
		close(done)
		for range 3 {
			if status := <-answers; status != http.StatusOK {
				t.Errorf("a node that was let in: %d", status)
			}
		}
	})
}
