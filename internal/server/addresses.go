package server

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/certs"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/vcs"
	"github.com/drover-hpc/drover/internal/virtual"
)

// URL is where clients reach the gateway. Where nodes have a door of their own,
// what is advertised to them is that.
func (s *Server) URL() string {
	if s.nodeListener != nil {
		return s.ownURL()
	}
	return cmp.Or(s.config.Advertise, s.ownURL())
}

// ownURL is that of the administrators' door.
func (s *Server) ownURL() string {
	return s.config.TLS.scheme() + fromHere(s.listener.Addr().String())
}

// nodeDoor is where processes on this machine reach the nodes' door.
func (s *Server) nodeDoor() string {
	if s.nodeListener == nil {
		return s.localURL()
	}
	return s.config.TLS.nodeScheme() + fromHere(s.nodeListener.Addr().String())
}

// localURL is where this server's jobs reach the gateway: on loopback, in plain HTTP.
func (s *Server) localURL() string {
	if s.localListener == nil {
		return s.ownURL()
	}
	return "http://" + s.localListener.Addr().String()
}

// vcsNames are what clone URLs call this server by. With a certificate the URL that
// its repositories are told by is another than the one that its jobs use.
func (s *Server) vcsNames() vcs.Names {
	hosts := s.config.VCSHosts
	if s.localListener != nil {
		hosts = append(slices.Clone(hosts), fromHere(s.listener.Addr().String()))
	}
	return vcs.Names{Listener: s.localURL(), Hosts: hosts, Base: s.config.Advertise, Token: s.jobToken(auth.Git, "", "")}
}

// fromHere is where this machine reaches what listens at host:port.
func fromHere(listen string) string {
	if !anyAddress(listen) {
		return listen
	}
	_, port, _ := net.SplitHostPort(listen)
	return net.JoinHostPort("127.0.0.1", port)
}

// nodeURL is where nodes reach the gateway: as advertised; virtual nodes find
// what listens on this machine only at an address of their network.
func (s *Server) nodeURL() string {
	if s.nodeListener == nil && s.config.Virtual.Nodes == 0 {
		return s.URL()
	}
	return s.asNodesSee(s.config.Advertise, s.nodeDoor())
}

// nodeS3 is where nodes reach the object store.
func (s *Server) nodeS3() string {
	if s.config.S3Endpoint != "" {
		return s.config.S3Endpoint
	}
	return s.asNodesSee(s.config.S3Advertise, s.platform.s3Nodes)
}

func (s *Server) asNodesSee(advertised, local string) string {
	if advertised != "" || s.config.Virtual.Nodes == 0 {
		return cmp.Or(advertised, local)
	}
	u, err := url.Parse(local)
	if err != nil {
		return local // a listener's own address always is a URL
	}
	u.Host = net.JoinHostPort(virtual.Services.String(), u.Port())
	return u.String()
}

// reach is what virtual nodes must be led to.
func (s *Server) reach() ([]virtual.Reach, error) {
	var list []virtual.Reach
	for _, service := range []struct{ flag, inside, outside string }{
		{"advertise", s.nodeURL(), s.nodeDoor()}, {"s3-advertise", s.nodeS3(), s.platform.s3Nodes},
	} {
		inside, err := addressOf(service.inside)
		if err != nil {
			return nil, fault.New(fault.Invalid, "%s: %s: virtual nodes resolve no names and their firmware speaks no https: expected http:// and an IPv4 address",
				service.flag, service.inside)
		}
		outside, _ := url.Parse(service.outside)
		list = append(list, virtual.Reach{Inside: inside, Outside: outside.Host})
	}
	return list, nil
}

// addressOf is the address and port of an http:// URL; firmware speaks no https.
func addressOf(text string) (netip.AddrPort, error) {
	u, err := url.Parse(text)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if u.Scheme != "http" {
		return netip.AddrPort{}, errors.New("scheme is not http")
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return netip.AddrPort{}, err
	}
	port := 80
	if u.Port() != "" {
		if port, err = strconv.Atoi(u.Port()); err != nil {
			return netip.AddrPort{}, err
		}
	}
	return netip.AddrPortFrom(addr, uint16(port)), nil
}

// nodeClient makes the calls of simulated nodes, which live on this machine but
// follow the URLs that all nodes are given.
func (s *Server) nodeClient() *http.Client {
	dialer := &net.Dialer{}
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 128, TLSClientConfig: certs.Client(s.config.TLS.trust), DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if list, err := s.reach(); err == nil {
			for _, r := range list {
				if r.Inside.String() == address {
					address = r.Outside
				}
			}
		}
		return dialer.DialContext(ctx, network, address)
	}}}
}
