package clients

import (
	"context"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bss"
)

type bootParameters struct{ bss *bss.Client }

// BootParameters tells BSS.
func BootParameters(c *bss.Client) bos.BootParameters { return bootParameters{c} }

func (b bootParameters) Put(ctx context.Context, nodes []string, a bos.BootArtifacts) (string, error) {
	return b.bss.PutBootParameters(ctx, bss.BootParameters{Hosts: nodes, Params: a.KernelParameters, Kernel: a.Kernel, Initrd: a.Initrd})
}
