package server

import (
	"cmp"
	"strconv"

	"github.com/spf13/pflag"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// Limits are what one client may take of this server. Zero values are the defaults.
type Limits struct {
	PerClient int   `mapstructure:"client-connections"`
	Bulk      int64 `mapstructure:"bulk-body"` // MiB
}

func declareLimits(f *pflag.FlagSet) {
	f.Int("client-connections", 0, "connections that one address may have open at --listen, as many at --node-listen, and as many at the embedded S3; those from loopback and from --trusted-proxies do not count "+
		"(0: "+strconv.Itoa(perClient)+", and a quarter of what all may have at most)")
	f.Int64("bulk-body", httpapi.BulkBody>>20, "longest body of a request about many components, hosts or places, in `MiB`")
}

func (l *Limits) check() error {
	switch {
	case l.PerClient < 0 || l.PerClient > 1<<20:
		return fault.New(fault.Invalid, "client-connections: expected 0 to %d, got %d", 1<<20, l.PerClient)
	case l.Bulk < 0 || l.Bulk > httpapi.MaxBulkBody>>20:
		return fault.New(fault.Invalid, "bulk-body: expected 0, which is %d, to %d MiB, got %d", httpapi.BulkBody>>20, httpapi.MaxBulkBody>>20, l.Bulk)
	}
	return nil
}

// bulkBody is in bytes.
func (l *Limits) bulkBody() int64 { return cmp.Or(l.Bulk<<20, httpapi.BulkBody) }
