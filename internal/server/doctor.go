package server

import (
	"context"
	"crypto/x509"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/sys/unix"

	"github.com/drover-hpc/drover/internal/certs"
	"github.com/drover-hpc/drover/internal/doctor"
	"github.com/drover-hpc/drover/internal/httpapi"
)

type doctorOutput struct{ Body doctor.Findings }

// registerDoctor adds what only the server can tell of `drover doctor`.
func (s *Server) registerDoctor(api huma.API) {
	asks := sync.OnceValue(s.asks) // with connections that are kept
	httpapi.Handle(api, huma.Operation{
		OperationID: "get-doctor", Method: http.MethodGet, Path: "/v1/doctor", Tags: []string{"server"},
		Summary: "Whether what the server stands on is well: database, object store, disk, certificates, external services",
	}, func(ctx context.Context, _ *struct{}) (*doctorOutput, error) {
		return &doctorOutput{Body: doctor.Findings{Version: Version, Checks: doctor.All(ctx, doctor.Limit, asks())}}, nil
	})
}

// asks are the checks of what the server stands on.
func (s *Server) asks() []doctor.Ask {
	var looks sync.Mutex
	asks := []doctor.Ask{
		{Name: "database", Check: func(ctx context.Context) (doctor.Status, string, string) {
			err := s.db.Ping(ctx)
			if err == nil {
				err = s.writing.try(ctx, s.db.TryWrite)
			}
			return doctor.Ready("see that the database runs, and that its disk has room", err)
		}},
		{Name: "audit log", Check: func(ctx context.Context) (doctor.Status, string, string) {
			return doctor.Ready("`drover audit verify` tells more; nothing is done that cannot be recorded", s.audit.Ready(ctx))
		}},
		{Name: "object store", Check: func(ctx context.Context) (doctor.Status, string, string) {
			return doctor.Ready("see --s3-endpoint and its keys, or the disk of the data directory", s.platform.objects.Ready(ctx))
		}},
		{Name: "disk", Check: func(context.Context) (doctor.Status, string, string) {
			if !looks.TryLock() { // it takes a thread, for as long as it hangs
				return doctor.Warning, "the room for the data directory is not known: the last look at it has not come back", "see that its file system answers"
			}
			defer looks.Unlock()
			var disk unix.Statfs_t
			if err := unix.Statfs(s.config.Data, &disk); err != nil {
				return doctor.Warning, "the room for the data directory is not known: " + err.Error(), "see that the server may read it"
			}
			return doctor.Disk(disk.Bavail*uint64(disk.Bsize), disk.Blocks*uint64(disk.Bsize))
		}},
	}
	for _, shown := range []struct {
		name string
		pair *certs.Pair
	}{{"certificate", s.config.TLS.pair}, {"certificate for nodes", s.config.TLS.nodePair}} {
		if shown.pair != nil {
			asks = append(asks, doctor.Ask{Name: shown.name, Check: func(context.Context) (doctor.Status, string, string) { return s.judge(shown.pair) }})
		}
	}
	if s.traces != nil {
		asks = append(asks, doctor.Ask{Name: "traces", Check: s.checkCollector})
	}
	for _, e := range s.config.externals() {
		if *e.url != "" {
			client := httpapi.NewClient(e.name, *e.url, s.outward(*e.url))
			asks = append(asks, doctor.Ask{Name: e.name, Check: func(ctx context.Context) (doctor.Status, string, string) {
				what, err := e.trouble(ctx, client)
				if what != "" {
					return doctor.Failed, what + ": " + err.Error(), "see that " + e.name + " runs, and --" + e.flag
				}
				return doctor.OK, "answers at " + *e.url, ""
			}})
		}
	}
	return asks
}

// judge judges the certificate that a listener shows.
func (s *Server) judge(pair *certs.Pair) (doctor.Status, string, string) {
	leaf, err := x509.ParseCertificate(pair.Shown())
	if err != nil {
		return doctor.Failed, err.Error(), "see --tls-cert and --node-tls-cert"
	}
	return doctor.Certificate(leaf.NotAfter, s.now())
}
