package server

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/drover-hpc/drover/internal/audit"
	"github.com/drover-hpc/drover/internal/certs"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/s3"
)

// startOwnS3 starts the embedded object store, with a way of its own for nodes and,
// where the usual one speaks TLS, one for this process and its jobs.
func (s *Server) startOwnS3(ctx context.Context, creds s3.Credentials) (err error) {
	own := s3.ServerConfig{Dir: filepath.Join(s.config.Data, "s3"), Listen: s.config.S3Listen, Credentials: creds, Journal: s.journal, Now: s.now, Peers: s.newPeers(),
		Written: func(ctx context.Context, w s3.Write) error { return s.audit.Answered(ctx, recordOf(w, creds)) }}
	defer func() {
		if err == nil {
			return
		}
		for _, l := range append(own.Also, own.Fetches) {
			if l != nil {
				l.Close()
			}
		}
	}()
	if err := s.listenForObjects(&own); err != nil {
		return err
	}
	server, err := s3.StartServer(ctx, own)
	if err != nil {
		return err
	}
	s.onStop(server.Stop)
	s.platform.s3 = server
	s.entrances = append(s.entrances, entrance{partS3, server.Connections, own.Peers.Excess})
	s.objectURLs(strings.TrimPrefix(server.Endpoint(), "http://"), own)
	return nil
}

// recordOf is what the audit log has of a write, whose it is if it was made. Whose key it is of those that end tells
// the record of when they were given.
func recordOf(w s3.Write, own s3.Credentials) audit.Record {
	r := audit.Record{From: w.From, Method: w.Method, Path: "s3:/" + w.Path, Status: w.Status}
	if w.Gave != "" {
		r.What = "gave the access key " + w.Gave
	}
	switch failed := w.Status >= http.StatusBadRequest; {
	case failed && w.Access != "": // the signature need not have been looked at
		r.What = "with the access key " + w.Access + ", by its own word"
	case failed:
	case w.Access == own.AccessKey:
		r.Who.Name = "keys of the object store"
	default:
		r.Who.ID = w.Access
	}
	return r
}

// listenForObjects opens what the object store does not open by itself, which speaks
// plain HTTP at one address.
func (s *Server) listenForObjects(own *s3.ServerConfig) error {
	c := &s.config
	if c.TLS.pair != nil {
		shown, err := listenAt("s3-listen", c.S3Listen, c.TLS.pair)
		if err != nil {
			return err
		}
		own.Also = []net.Listener{shown}
		inside, err := keptPort(filepath.Join(c.Data, "local-s3-port"))
		if err != nil {
			return fault.New(fault.Unavailable, "listen for what this server's own jobs have in the object store: %w", err)
		}
		inside.Close() // it was to find the port
		own.Listen = inside.Addr().String()
	}
	if c.NodeS3Listen == "" {
		return nil
	}
	nodes, err := listenAt("node-s3-listen", c.NodeS3Listen, c.TLS.nodePair)
	if err != nil {
		return err
	}
	own.Fetches = nodes
	return nil
}

func listenAt(flag, address string, with *certs.Pair) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "%s: listen on %s: %w", flag, address, err)
	}
	return over(l, with), nil
}

// objectURLs notes where the object store is that listens at the address.
func (s *Server) objectURLs(listens string, own s3.ServerConfig) {
	c, p := &s.config, &s.platform
	p.s3Local = "http://" + fromHere(listens)
	p.s3Endpoint = p.s3Local
	if len(own.Also) > 0 {
		p.s3Endpoint = c.TLS.scheme() + fromHere(own.Also[0].Addr().String())
	}
	p.s3Nodes = p.s3Endpoint
	defer func() { p.s3Endpoint = cmp.Or(c.S3URL, p.s3Endpoint) }()
	switch {
	case own.Fetches != nil:
		p.s3Nodes = c.TLS.nodeScheme() + fromHere(own.Fetches.Addr().String())
	default:
		p.s3Endpoint = cmp.Or(c.S3Advertise, p.s3Endpoint)
	}
}
