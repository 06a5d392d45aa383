// Package publish keeps the public key of the CFS certificate authority in BSS,
// where nodes look for it.
package publish

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/drover-hpc/drover/internal/bss"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
)

// metaDataKey is where nodes look for the authority's public key, below Global.
const metaDataKey = "cfs_public_key"

// checkEvery is how often BSS is asked whether it still has the key.
const checkEvery = 10 * time.Minute

// BootScripts is what publishing needs of BSS; bss.Client has it.
type BootScripts interface {
	MetaData(ctx context.Context, key string) (json.RawMessage, error)
	PatchBootParameters(ctx context.Context, p bss.BootParameters) error
	PutBootParameters(ctx context.Context, p bss.BootParameters) (token string, err error)
}

// NewLoop returns a loop that keeps the key (trust.Authority.PublicKey) in BSS:
// at its start, again after a second as long as that fails, then now and then.
func NewLoop(hub *events.Hub, key string, client BootScripts) *events.Loop {
	return &events.Loop{
		Name: "cfs-trust", Hub: hub, Resync: func() time.Duration { return checkEvery },
		Run: func(ctx context.Context, _ events.Wake) error { return Key(ctx, key, client) },
	}
}

// Key has BSS hold the authority's public key in Global's meta-data. It
// writes only if the key is missing there or another.
func Key(ctx context.Context, key string, client BootScripts) error {
	raw, err := client.MetaData(ctx, bss.GlobalHost+"."+metaDataKey)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return fmt.Errorf("read the CFS public key in BSS: %w", err)
	}
	var published string
	if err == nil && json.Unmarshal(raw, &published) == nil && published == key {
		return nil
	}
	p := bss.BootParameters{Hosts: []string{bss.GlobalHost},
		CloudInit: &bss.CloudInit{MetaData: map[string]any{metaDataKey: key}}}
	err = client.PatchBootParameters(ctx, p)
	if fault.Is(err, fault.NotFound) { // no entry Global yet
		_, err = client.PutBootParameters(ctx, p)
	}
	if err != nil {
		return fmt.Errorf("publish the CFS public key in BSS: %w", err)
	}
	return nil
}
