package redfish_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/drover-hpc/drover/internal/redfish"
)

// A BMC that is not known by its certificate gets neither request nor password,
// whatever way it is logged in.
func TestBMCIsKnownByItsCertificate(t *testing.T) {
	asked := atomic.Int64{}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		card.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	sum := sha256.Sum256(s.Certificate().Raw)
	own := hex.EncodeToString(sum[:])
	signer := x509.NewCertPool()
	signer.AddCert(s.Certificate())
	for _, c := range []struct {
		name        string
		by          redfish.Certificates
		fingerprint string
		known       bool
	}{
		{"by nothing", redfish.Certificates{}, "", false},
		{"by its authority", redfish.Certificates{Authorities: signer}, "", true},
		{"by its fingerprint", redfish.Certificates{}, own, true},
		{"by another fingerprint", redfish.Certificates{Authorities: signer, Any: true}, strings.Repeat("0", 64), false},
		{"as any", redfish.Certificates{Any: true}, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := redfish.New(1)
			t.Cleanup(d.Close)
			d.Know(c.by)
			who, before := login, asked.Load()
			who.Fingerprint = c.fingerprint
			_, err := d.PowerState(t.Context(), "https://"+address(s), who, "/redfish/v1/Systems/Node0")
			if (err == nil) != c.known || c.known == (asked.Load() == before) {
				t.Errorf("%v, %d requests", err, asked.Load()-before)
			}
			if err != nil && !strings.Contains(err.Error(), own) {
				t.Errorf("%v: want the certificate's fingerprint", err)
			}
		})
	}
}

func TestParseFingerprint(t *testing.T) {
	for text, want := range map[string]string{"": "", strings.Repeat("AB:", 31) + "AB": strings.Repeat("ab", 32), strings.Repeat("ab", 32): strings.Repeat("ab", 32)} {
		if got, err := redfish.ParseFingerprint(text); err != nil || got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"ab", strings.Repeat("zz", 32), strings.Repeat("ab", 33)} {
		if _, err := redfish.ParseFingerprint(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
