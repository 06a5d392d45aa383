package bss_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/bss"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/s3"
)

var (
	_ bss.Inventory = (*hsm.Client)(nil)
	_ bss.Presigner = (*s3.Client)(nil)
)

func TestRegisterWithoutService(t *testing.T) {
	bss.Register(httpapi.New(http.NewServeMux(), "/apis/bss", "BSS", "1"), nil)
}

func TestStopWritesTheHistory(t *testing.T) {
	var config bss.Config
	r := start(t, func(c *bss.Config) { config = *c })
	r.hsm.node(node, "Compute", 7, mac, "")
	r.put(bss.BootParameters{Hosts: []string{node}, Kernel: "http://k"})
	r.service.Start(t.Context())
	r.script("mac=" + mac)
	r.service.Stop()

	again := bss.NewService(config)
	got, err := again.EndpointHistory(t.Context(), node, "bootscript")
	if err != nil || len(got) != 1 || got[0].LastEpoch != now {
		t.Errorf("history after a restart: %v, error %v", got, err)
	}
	again.Stop()
}

func TestServiceRoutes(t *testing.T) {
	r := start(t)
	for path, want := range map[string]string{
		"status":     `{"bss-status":"running"}`,
		"etcd":       `{"bss-status-etcd":"connected"}`,
		"hsm":        `{"bss-status-hsm":"connected"}`,
		"version":    `{"bss-version":"1.37.0"}`,
		"status/all": `{"bss-status":"running","bss-status-etcd":"connected","bss-status-hsm":"connected","bss-version":"1.37.0"}`,
	} {
		if got := strings.TrimSpace(r.must(200, "GET", "/boot/v1/service/"+path, nil)); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
