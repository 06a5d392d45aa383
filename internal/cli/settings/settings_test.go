package settings_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/drover-hpc/drover/internal/cli/settings"
)

func TestPaths(t *testing.T) {
	env := map[string]string{"HOME": "/home/u"}
	dir, err := settings.Locate(func(k string) string { return env[k] })
	if err != nil || dir != "/home/u/.config/cray" {
		t.Errorf("%q, %v", dir, err)
	}
	env["CRAY_CONFIG_DIR"] = "/elsewhere"
	if dir, _ = settings.Locate(func(k string) string { return env[k] }); dir != "/elsewhere/.config/cray" {
		t.Errorf("with CRAY_CONFIG_DIR: %q", dir)
	}
	for host, want := range map[string]string{
		"https://api-gw-service-nmn.local": "api_gw_service_nmn_local.vers",
		"https://10.0.0.1:8443/":           "10_0_0_1_8443.vers",
	} {
		if got := filepath.Base(dir.TokenPath(host, "vers")); got != want {
			t.Errorf("token of %s: %s, want %s", host, got, want)
		}
	}
	if got := filepath.Base(dir.TokenPath("h", "../a.b")); got != "h.___a_b" {
		t.Errorf("a user's name with separators gives %s", got)
	}
}

func TestConfiguration(t *testing.T) {
	dir := settings.Dir(t.TempDir())
	c := &settings.Configuration{Name: "a", Values: map[string]any{}}
	for _, err := range []error{c.Set("x", "core", "hostname"), c.Set("y", "core", "tenant"), dir.Save(c), dir.Activate("a")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Set("z", "core", "tenant", "deeper"); err == nil {
		t.Error("a value became a section")
	}
	read, err := dir.Load(dir.Active())
	if err != nil || read.Text("core", "hostname") != "x" || read.Text("core") != "" || read.Text("no", "such") != "" {
		t.Errorf("%+v, %v", read, err)
	}
	if !read.Unset("core", "tenant") || read.Unset("core", "tenant") || read.Unset("core", "hostname", "deeper") {
		t.Error("Unset mistakes what is there")
	}
	if names, err := dir.Names(); err != nil || len(names) != 1 || names[0] != "a" {
		t.Errorf("names %v, %v", names, err)
	}
	if text, _ := os.ReadFile(filepath.Join(string(dir), "active_config")); string(text) != "a" {
		t.Errorf("active_config holds %q", text)
	}
}

func TestDamagedConfiguration(t *testing.T) {
	dir := settings.Dir(t.TempDir())
	if err := os.MkdirAll(filepath.Dir(dir.Path("a")), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir.Path("a"), []byte("= nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := dir.Load("a"); err == nil {
		t.Error("a damaged configuration was read")
	}
}
