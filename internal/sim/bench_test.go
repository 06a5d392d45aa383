package sim_test

import (
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"testing"

	"github.com/drover-hpc/drover/internal/redfish"
	"github.com/drover-hpc/drover/internal/sim"
)

// BenchmarkFleet powers a whole fleet on over Redfish and waits until every
// node has reported; without delays, and with services that cost nothing. What
// remains is what the simulation itself costs.
func BenchmarkFleet(b *testing.B) {
	for _, nodes := range []int{1_000, 10_000} {
		b.Run(fmt.Sprint(nodes), func(b *testing.B) {
			for b.Loop() {
				before := heap()
				g := newGateway()
				f := fleet(b, quick{g}, func(o *sim.Options) { o.Nodes, o.ShareArtifacts = nodes, true })
				b.ReportMetric(float64(heap()-before)/float64(nodes), "B/idle-node")
				powerAll(b, f)
				for _, n := range f.Nodes() {
					eventually(b, "up", func() bool { return n.Phase() == sim.PhaseUp })
				}
				b.ReportMetric(float64(heap()-before)/float64(nodes), "B/running-node")
				f.Stop()
			}
		})
	}
}

// quick is a gateway that remembers nothing.
type quick struct{ g *gateway }

func (q quick) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q.g.mu.Lock()
	q.g.calls = q.g.calls[:0]
	q.g.mu.Unlock()
	q.g.ServeHTTP(w, r)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func powerAll(b testing.TB, f *sim.Fleet) {
	b.Helper()
	d := redfish.New(64)
	var all sync.WaitGroup
	for _, bmc := range f.BMCs() {
		all.Go(func() {
			err := d.Reset(b.Context(), bmc.Address, redfish.Login{Username: bmc.Username, Password: bmc.Password},
				"/redfish/v1/Systems/Node0/Actions/ComputerSystem.Reset", "On")
			if err != nil {
				b.Error(err)
			}
		})
	}
	all.Wait()
}
