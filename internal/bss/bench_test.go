package bss_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/drover-hpc/drover/internal/bss"
	"github.com/drover-hpc/drover/internal/s3"
)

const fleet = 10_000

func startFleet(b *testing.B) (r rig, macs, xnames []string) {
	b.Helper()
	objects, err := s3.NewClient("http://127.0.0.1:1", s3.Credentials{AccessKey: "a", SecretKey: "secret"})
	if err != nil {
		b.Fatal(err)
	}
	r = start(b, func(c *bss.Config) { c.Presigner = objects })
	macs, xnames = make([]string, fleet), make([]string, fleet)
	for i := range fleet {
		macs[i] = fmt.Sprintf("02:00:00:00:%02x:%02x", i/256, i%256)
		xnames[i] = fmt.Sprintf("x%dc%ds%db0n0", 1000+i/64, i/8%8, i%8)
		r.hsm.node(xnames[i], "Compute", i+1, macs[i], "")
	}
	r.put(bss.BootParameters{Hosts: xnames, Kernel: "s3://boot-images/i/kernel", Initrd: "s3://boot-images/i/initrd",
		Params: "console=ttyS0 quiet root=live:s3://boot-images/i/rootfs bos_update_frequency=4h"})
	b.ResetTimer()
	return r, macs, xnames
}

// The handler without a socket: what the service itself costs.
func BenchmarkBootScript(b *testing.B) {
	r, macs, _ := startFleet(b)
	b.ReportAllocs()
	var next atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			req := httptest.NewRequest(http.MethodGet, "/apis/bss/boot/v1/bootscript?mac="+macs[next.Add(1)%fleet], nil)
			w := httptest.NewRecorder()
			if r.handler.ServeHTTP(w, req); w.Code != http.StatusOK {
				b.Fatal(w.Body)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "scripts/s")
}

func BenchmarkPut10000Hosts(b *testing.B) {
	r, _, xnames := startFleet(b)
	for i := 0; i < b.N; i++ {
		r.put(bss.BootParameters{Hosts: xnames, Kernel: "s3://boot-images/i/kernel", Initrd: "s3://boot-images/i/initrd",
			Params: fmt.Sprint("console=ttyS0 quiet run=", i)})
	}
}
