package server

import (
	"strconv"

	"github.com/spf13/pflag"

	"github.com/drover-hpc/drover/internal/fault"
)

// Limits are what one client may take of this server. Zero values are the defaults.
type Limits struct {
	PerClient int `mapstructure:"client-connections"`
}

func declareLimits(f *pflag.FlagSet) {
	f.Int("client-connections", 0, "connections that one address may have open at --listen, and as many at --node-listen; those of this machine and of --trusted-proxies do not count "+
		"(0: "+strconv.Itoa(perClient)+", and a quarter of what all may have at most)")
}

func (l *Limits) check() error {
	if l.PerClient < 0 || l.PerClient > 1<<20 {
		return fault.New(fault.Invalid, "client-connections: expected 0 to %d, got %d", 1<<20, l.PerClient)
	}
	return nil
}
