package server

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/certs"
	"github.com/drover-hpc/drover/internal/doctor"
)

func TestTheServerTellsWhetherWhatItStandsOnIsWell(t *testing.T) {
	nothing := httptest.NewServer(http.NotFoundHandler())
	defer nothing.Close()
	c := testConfig(t)
	c.TAPMS = nothing.URL
	s, err := Start(t.Context(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	resp, err := http.Get(s.URL() + "/apis/drover/v1/doctor")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var report doctor.Findings
	if err := json.NewDecoder(resp.Body).Decode(&report); err != nil || report.Version != Version {
		t.Fatalf("%v %+v", err, report)
	}
	is := map[string]doctor.Check{}
	for _, one := range report.Checks {
		is[one.Name] = one
	}
	for _, name := range []string{"database", "audit log", "object store"} {
		if is[name].Status != doctor.OK {
			t.Errorf("%s: %+v", name, is[name])
		}
	}
	if !strings.Contains(is["disk"].Words, " are free for the data directory") {
		t.Errorf("%+v", is["disk"])
	}
	if one := is["TAPMS"]; one.Status != doctor.Failed || !strings.Contains(one.Words, "answers 404") || !strings.Contains(one.Advice, "--tapms-url") {
		t.Errorf("%+v", one)
	}
	if _, told := is["HSM"]; told || is["certificate"].Name != "" {
		t.Errorf("what is not configured is checked: %+v", report.Checks)
	}
}

func TestTheEndOfACertificateIsTold(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	authority, err := certs.NewAuthority("site", now)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key := filepath.Join(t.TempDir(), "c.pem"), filepath.Join(t.TempDir(), "k.pem")
	if err := authority.Server([]string{"localhost"}, certificate, key, now); err != nil {
		t.Fatal(err)
	}
	pair, err := certs.LoadPair(certificate, key, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[time.Time]doctor.Status{now: doctor.OK, now.AddDate(30, 0, 0): doctor.Failed} {
		if got, words, _ := (&Server{now: func() time.Time { return at }}).judge(pair); got != want {
			t.Errorf("%s: %s, %s", at, got, words)
		}
	}
}
