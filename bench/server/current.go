package main

import "github.com/drover-hpc/drover/internal/server"

func init() {
	adjust = func(c config, s *server.Config, o *server.Options) {
		s.Auth, s.BMCEvents = c.Auth, c.BMCEvents
		o.NoResync = c.NoResync
		server.KeepMemory(new(server.Config).Memory()) // as serve does
	}
	rows = func(s *server.Server) (written, decoded, unsettled int64) {
		n := s.StoreStats()
		return n.Written, n.Decoded, n.Unsettled
	}
}
