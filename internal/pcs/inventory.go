package pcs

import "context"

// Inventory knows where each component's BMC is and what it offers: HSM. nil
// ids ask for all.
type Inventory interface {
	ComponentEndpoints(ctx context.Context, ids []string) ([]Endpoint, error)
}

// Endpoint stands for hsm.ComponentEndpoint.
type Endpoint struct{}
