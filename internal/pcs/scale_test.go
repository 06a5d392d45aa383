package pcs_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/pcs"
	"github.com/drover-hpc/drover/internal/redfish"
)

// BenchmarkTransition compares a transition of many nodes, each with a BMC of
// its own, with the three requests that it takes at least (read, reset, read),
// sent by a bare driver.
func BenchmarkTransition(b *testing.B) {
	for _, nodes := range []int{1000, 10000} {
		b.Run(fmt.Sprint(nodes), func(b *testing.B) { benchmarkTransition(b, nodes) })
	}
}

func benchmarkTransition(b *testing.B, nodes int) {
	w := newWorld(b)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /redfish/v1/Systems/{id}", w.hardware.get)
	mux.HandleFunc("POST /redfish/v1/Systems/{id}/Reset", w.hardware.reset)
	handler := &http.Server{Handler: mux}
	b.Cleanup(func() { handler.Close() })
	names, addresses := make([]string, nodes), make([]string, nodes)
	for i := range names {
		names[i] = fmt.Sprintf("x%dc%ds%db0n0", i/512, i/64%8, i%64)
		w.add(names[i], "Off")
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		go handler.Serve(l)
		addresses[i] = l.Addr().String()
		e := w.site.endpoints[names[i]]
		e.RedfishEndpointFQDN, e.RedfishEndpointID = addresses[i], names[i][:len(names[i])-2]
		w.site.endpoints[names[i]] = e
	}
	w.start(func(c *pcs.Config) { c.BMC = redfish.New(384); c.State, c.Locks = nil, nil })
	w.eventually("all are polled", func() bool {
		w.hardware.mu.Lock()
		defer w.hardware.mu.Unlock()
		return len(w.hardware.reads) == nodes
	})
	for b.Loop() {
		start := time.Now()
		bare(w.site.endpoints, names)
		bareTime := time.Since(start)
		w.hardware.with(func() {
			for _, x := range names {
				w.hardware.power[x] = "Off"
			}
		})
		start = time.Now()
		w.transition("On", 5, names...)
		w.allOver()
		full := time.Since(start)
		b.ReportMetric(full.Seconds(), "s/transition")
		b.ReportMetric(full.Seconds()/bareTime.Seconds(), "x-bare")
		w.transition("Force-Off", 5, names...)
		w.allOver()
	}
}

// allOver waits for the end of all transitions without asking for their tasks.
func (w *world) allOver() {
	w.t.Helper()
	w.eventually("transitions are over", func() bool {
		list, err := w.client.Transitions(context.Background())
		if err != nil {
			w.t.Fatal(err)
		}
		return !slices.ContainsFunc(list, func(tr pcs.Transition) bool { return !tr.TransitionStatus.Done() })
	})
}

func bare(endpoints map[string]hsm.ComponentEndpoint, names []string) {
	d := redfish.New(384)
	defer d.Close()
	login := redfish.Login{Username: "root", Password: "initial0"}
	work := make(chan string)
	var all sync.WaitGroup
	for range 256 {
		all.Go(func() {
			for x := range work {
				e := endpoints[x]
				ctx := context.Background()
				d.PowerState(ctx, e.RedfishEndpointFQDN, login, e.OdataID)
				d.Reset(ctx, e.RedfishEndpointFQDN, login, e.RedfishSystemInfo.Actions.Reset.Target, "On")
				d.PowerState(ctx, e.RedfishEndpointFQDN, login, e.OdataID)
			}
		})
	}
	for _, x := range names {
		work <- x
	}
	close(work)
	all.Wait()
}
