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
	r.boot(xnames, 0)
	return r, macs, xnames
}

// boot has all nodes boot another image.
func (r rig) boot(xnames []string, image int) {
	base := fmt.Sprintf("s3://boot-images/%d/", image)
	r.put(bss.BootParameters{Hosts: xnames, Kernel: base + "kernel", Initrd: base + "initrd",
		Params: "console=ttyS0 quiet root=live:" + base + "rootfs bos_update_frequency=4h"})
}

func (r rig) fetch(b *testing.B, mac string) {
	req := httptest.NewRequest(http.MethodGet, "/apis/bss/boot/v1/bootscript?mac="+mac, nil)
	w := httptest.NewRecorder()
	if r.handler.ServeHTTP(w, req); w.Code != http.StatusOK {
		b.Error(w.Body)
	}
}

// The handlers without a socket: what the service itself costs. "first" has
// three URLs presigned for each script and the entries read again, on one
// core; "again" is a retry or the next boot of the same image, on all cores.
func BenchmarkBootScript(b *testing.B) {
	b.Run("first", func(b *testing.B) {
		r, macs, xnames := startFleet(b)
		r.fetch(b, macs[0]) // HSM is read once
		b.ResetTimer()
		for i := range b.N {
			if i%fleet == 0 {
				b.StopTimer()
				r.boot(xnames, 1+i)
				b.StartTimer()
			}
			r.fetch(b, macs[i%fleet])
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "scripts/s")
	})
	b.Run("again", func(b *testing.B) {
		r, macs, _ := startFleet(b)
		for _, mac := range macs {
			r.fetch(b, mac)
		}
		b.ResetTimer()
		var next atomic.Int64
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				r.fetch(b, macs[next.Add(1)%fleet])
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "scripts/s")
	})
}

func BenchmarkPut10000Hosts(b *testing.B) {
	r, _, xnames := startFleet(b)
	b.ResetTimer()
	for i := range b.N {
		r.boot(xnames, i)
	}
}

// What cloud-init asks for at each boot.
func BenchmarkCloudInit(b *testing.B) {
	r := start(b)
	r.hsm.node(node, "Compute", 7, mac, "10.1.0.7")
	r.put(bss.BootParameters{Hosts: []string{node}, Kernel: "http://k", CloudInit: &bss.CloudInit{UserData: map[string]any{"runcmd": []any{"true"}}}})
	r.put(bss.BootParameters{Hosts: []string{bss.GlobalHost}, CloudInit: &bss.CloudInit{MetaData: map[string]any{"cfs_public_key": "ssh-ed25519 AAAA", "site": map[string]any{"name": "here"}}}})
	for _, path := range []string{"/meta-data", "/user-data", "/meta-data?key=Global.cfs_public_key"} {
		b.Run(path[1:], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				req := httptest.NewRequest(http.MethodGet, "/apis/bss"+path, nil)
				req.RemoteAddr = "10.1.0.7:4711"
				w := httptest.NewRecorder()
				if r.handler.ServeHTTP(w, req); w.Code != http.StatusOK {
					b.Fatal(w.Body)
				}
			}
		})
	}
}
