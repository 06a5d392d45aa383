package hsm

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/redfish"
)

// A controller that signed its certificate itself is asked once its endpoint
// says by what to know it, and not any more when it shows another one.
func TestControllerIsKnownByTheCertificateOfItsEndpoint(t *testing.T) {
	b := newBench(t, redfish.New(8)).started()
	face := bmc.NewFace(func(netip.Addr) (bmc.Controller, bool) {
		return bmc.Controller{Model: "BMC", SerialNumber: "B1", UUID: "b1", MAC: "02:00:00:00:02:01"}, true
	}, "root", "secret")
	t.Cleanup(face.Close)
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := bmc.Either(plain)
	if err != nil {
		t.Fatal(err)
	}
	go face.Serve(l)                                                                       //nolint:errcheck // ends with Close
	conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it is what is asked
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(conn.ConnectionState().PeerCertificates[0].Raw)
	conn.Close()
	own := hex.EncodeToString(sum[:])

	status := func(want string) RedfishEndpoint {
		t.Helper()
		b.discovered("x1000c0s0b0", want)
		e, err := b.RedfishEndpoint(t.Context(), "x1000c0s0b0")
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	path := redfishEndpointsPath + "/x1000c0s0b0"
	b.ok("POST", redfishEndpointsPath, fmt.Sprintf(`{"ID":"x1000c0s0b0","FQDN":"https://%s","User":"root","Password":"secret","RediscoverOnUpdate":true}`, l.Addr()))
	if e := status(HTTPsGetFailed); !strings.Contains(e.DiscoveryInfo.LastError, own) {
		t.Errorf("%q: want the fingerprint that it shows", e.DiscoveryInfo.LastError)
	}
	b.ok("PATCH", path, `{"CertificateSHA256":"`+strings.ToUpper(own)+`"}`)
	if e := status(ChildVerificationFailed); e.CertificateSHA256 != own {
		t.Errorf("it has %q", e.CertificateSHA256)
	}
	b.ok("PATCH", path, `{"CertificateSHA256":"`+strings.Repeat("0", 64)+`"}`)
	status(HTTPsGetFailed)
}
