package server

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/drover-hpc/drover/internal/auth"
)

// The audit log tells apart two certificates of one name, and shows no name that a
// terminal would obey.
func TestCertificatesSayWhoTheyAre(t *testing.T) {
	s := &Server{}
	s.config.TLS.roles = map[string]auth.Role{"operators": auth.Operator}
	who := func(name string) (who *auth.Identity) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		leaf := &x509.Certificate{SerialNumber: big.NewInt(0xabc), Subject: pkix.Name{CommonName: name, Organization: []string{"others", "operators"}}}
		r.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf}}, PeerCertificates: []*x509.Certificate{leaf}}
		certified{http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { who = s.byCertificate(r) })}.ServeHTTP(httptest.NewRecorder(), r)
		return who
	}
	if got := who("otto"); got == nil || got.Name != "otto, by certificate" || got.Subject != "certificate abc" || got.Role != auth.Operator {
		t.Errorf("%+v", got)
	}
	if got := who("otto\x1b[2J"); got != nil {
		t.Errorf("%+v", got)
	}
}
