package publish

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/bss"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// bootScripts is BSS with a Global entry or without.
type bootScripts struct {
	global map[string]any // nil: no entry
	writes int
}

func (b *bootScripts) MetaData(_ context.Context, key string) (json.RawMessage, error) {
	v, ok := b.global[strings.TrimPrefix(key, "Global.")]
	if !ok {
		return nil, fault.New(fault.NotFound, "no entry")
	}
	return json.Marshal(v)
}

func (b *bootScripts) PatchBootParameters(_ context.Context, p bss.BootParameters) error {
	if b.global == nil {
		return fault.New(fault.NotFound, "no entry")
	}
	b.global = httpapi.Merge(b.global, p.CloudInit.MetaData)
	b.writes++
	return nil
}

func (b *bootScripts) PutBootParameters(_ context.Context, p bss.BootParameters) (string, error) {
	b.global = p.CloudInit.MetaData
	b.writes++
	return "", nil
}

func TestKeyIsWrittenOnlyWhereItIsMissing(t *testing.T) {
	const key = "ecdsa-sha2-nistp384 AAAA"
	for name, b := range map[string]*bootScripts{
		"no entry":    {},
		"no key":      {global: map[string]any{"other": "x"}},
		"another key": {global: map[string]any{"other": "x", metaDataKey: "ssh-ed25519 AAAA"}},
	} {
		t.Run(name, func(t *testing.T) {
			other := b.global["other"]
			for range 2 { // the second time there is nothing to do
				if err := Key(t.Context(), key, b); err != nil {
					t.Fatal(err)
				}
			}
			if b.global[metaDataKey] != key || b.global["other"] != other {
				t.Errorf("BSS has %v", b.global)
			}
			if b.writes != 1 {
				t.Errorf("%d writes, expected 1", b.writes)
			}
		})
	}
}
