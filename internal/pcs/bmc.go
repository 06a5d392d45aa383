package pcs

import (
	"context"
	"errors"
	"net/http"

	"github.com/drover-hpc/drover/internal/redfish"
)

// power asks the component's BMC for its PowerState in Redfish's words. A BMC
// that answers at all is itself on.
func (s *Service) power(ctx context.Context, c *Component) (word string, err error) {
	err = s.withLogin(ctx, c, func(login redfish.Login) error {
		word, err = s.bmc.PowerState(ctx, c.Address, login, c.OdataID)
		return err
	})
	if err == nil && isBMC(c.Type) {
		word = "On"
	}
	return word, err
}

// reset sends a reset. It is not called back once begun: whether the BMC
// accepted it must be known.
func (s *Service) reset(ctx context.Context, c *Component, resetType string) error {
	ctx = context.WithoutCancel(ctx)
	return s.withLogin(ctx, c, func(login redfish.Login) error {
		return s.bmc.Reset(ctx, c.Address, login, c.ResetTarget, resetType)
	})
}

// withLogin calls do, and once more with credentials asked for anew when the
// BMC refuses the remembered ones.
func (s *Service) withLogin(ctx context.Context, c *Component, do func(redfish.Login) error) error {
	login, err := s.logins.get(ctx, c.BMC)
	if err != nil {
		return err
	}
	err = do(login)
	if refused := refusal(err); refused == nil || refused.Status != http.StatusUnauthorized {
		return err
	}
	s.logins.forget(c.BMC)
	again, lookErr := s.logins.get(ctx, c.BMC)
	if lookErr != nil || again == login {
		return err
	}
	return do(again)
}

// refusal is the BMC's refusal in err, or nil if there was no answer.
func refusal(err error) *redfish.Error {
	var refused *redfish.Error
	errors.As(err, &refused)
	return refused
}

// look asks the component's BMC for its power, twice if it does not answer.
func (s *Service) look(ctx context.Context, c *Component) observation {
	at := s.now()
	word, err := s.power(ctx, c)
	if err != nil && refusal(err) == nil && ctx.Err() == nil {
		word, err = s.power(ctx, c)
	}
	return observe(c, at, word, err)
}
