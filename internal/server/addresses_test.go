package server

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/certs"
	"github.com/drover-hpc/drover/internal/fault"
)

func TestWhereNodesReachTheServices(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	local := fmt.Sprintf("127.0.0.1:%d", port)
	for _, c := range []struct {
		virtual      int
		gateway, s3  string
		inside, also string // empty: refused
	}{
		{1, "", "", fmt.Sprintf("10.0.2.100:%d", port), "10.0.2.100:8081"},
		{1, "http://10.1.0.1", "http://10.1.0.1:81", "10.1.0.1:80", "10.1.0.1:81"},
		{1, "https://10.1.0.1", "http://10.1.0.1:81", "", ""},
		{1, "http://admin.example.org", "", "", ""},
		{0, "", "", local, "127.0.0.1:8081"},
	} {
		s := &Server{listener: l, config: Config{Advertise: c.gateway, S3Advertise: c.s3, Virtual: Virtual{Nodes: c.virtual}}}
		s.platform.s3Nodes = "http://127.0.0.1:8081"
		list, err := s.reach()
		if c.inside == "" {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("%+v: %v", c, err)
			}
			continue
		}
		if err != nil || len(list) != 2 || list[0].Inside.String() != c.inside || list[1].Inside.String() != c.also ||
			list[0].Outside != local || list[1].Outside != "127.0.0.1:8081" {
			t.Errorf("%+v: %+v, %v", c, list, err)
		}
	}
}

// What `drover vcs create` prints as clone_url is what layers may name.
func TestCloneURLsOfAServerWithACertificateAreItsOwn(t *testing.T) {
	var ls [2]net.Listener
	for i := range ls {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ls[i] = l
	}
	s := &Server{listener: ls[0], localListener: ls[1], config: Config{TLS: TLS{pair: &certs.Pair{}}}}
	env := s.vcsNames().Environ(nil)
	local := "url.http://" + ls[1].Addr().String() + "/vcs/.insteadOf"
	for i, entry := range env {
		if strings.HasSuffix(entry, "="+local) && strings.HasSuffix(env[i+1], "="+s.URL()+"/vcs/") {
			return
		}
	}
	t.Errorf("git asks the network for %s/vcs/: %q", s.URL(), env)
}

// asksAProxy stands for the transport that a proxy of the environment gets
// everything from.
type asksAProxy struct{ t *testing.T }

func (a asksAProxy) RoundTrip(r *http.Request) (*http.Response, error) {
	a.t.Errorf("the proxy was asked for %s", r.URL)
	return nil, net.ErrClosed
}

func TestAddressesOfVirtualNodesReachHSMPastAnyProxy(t *testing.T) {
	s, err := Start(t.Context(), testConfig(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	direct := http.DefaultTransport
	defer func() { http.DefaultTransport = direct }()
	http.DefaultTransport = asksAProxy{t}
	site, err := s.virtualSite()
	if err != nil {
		t.Fatal(err)
	}
	if err := site.Lease(t.Context(), "02:d1:00:00:00:01", "10.0.2.15"); err != nil {
		t.Error(err)
	}
	list, err := s.platform.hsm.EthernetInterfaces(t.Context(), nil)
	if err != nil || len(list) != 1 || len(list[0].IPAddresses) != 1 || list[0].IPAddresses[0].IPAddress != "10.0.2.15" {
		t.Errorf("HSM knows %+v, %v", list, err)
	}
}
