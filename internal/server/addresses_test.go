package server

import (
	"fmt"
	"net"
	"testing"

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
		s.platform.s3Local = "http://127.0.0.1:8081"
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
