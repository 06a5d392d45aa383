package capmc

import (
	"context"
	"fmt"
	"time"
)

// Health is how the service and those below it are.
type Health struct {
	Readiness string `json:"readiness" doc:"Ready or Service Degraded"`
	Vault     string `json:"vault" doc:"Not used: PCS has the credentials"`
	HSM       string `json:"hsm" doc:"The Hardware State Manager"`
	PCS       string `json:"pcs" doc:"The Power Control Service"`
}

// healthPatience bounds the look at those below.
const healthPatience = 5 * time.Second

// Health asks those below.
func (s *Service) Health(ctx context.Context) Health {
	ctx, cancel := context.WithTimeout(ctx, healthPatience)
	defer cancel()
	h := Health{Readiness: "Ready", Vault: "not used", HSM: "HSM Ready", PCS: "PCS Ready"}
	if err := s.hardware.Ready(ctx); err != nil {
		h.Readiness, h.HSM = "Service Degraded", fmt.Sprintf("HSM is not ready: %v", err)
	}
	if err := s.power.Ready(ctx); err != nil {
		h.Readiness, h.PCS = "Service Degraded", fmt.Sprintf("PCS is not ready: %v", err)
	}
	return h
}
