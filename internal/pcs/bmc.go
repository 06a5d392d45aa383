package pcs

import (
	"context"
	"errors"
	"net/http"

	"github.com/drover-hpc/drover/internal/fault"
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

// resetTypes asks the component's BMC what it offers now.
func (s *Service) resetTypes(ctx context.Context, c *Component) (types []string, err error) {
	err = s.withLogin(ctx, c, func(login redfish.Login) error {
		types, err = s.bmc.ResetTypes(ctx, c.Address, login, c.OdataID, c.ResetTarget)
		return err
	})
	return types, err
}

// withLogin calls do, and once more with credentials asked for anew when the
// BMC refuses the remembered ones.
func (s *Service) withLogin(ctx context.Context, c *Component, do func(redfish.Login) error) error {
	login, err := s.logins.get(ctx, c.BMC, c.Address)
	if err != nil {
		return err
	}
	err = do(login)
	if refused := refusal(err); refused == nil || refused.Status != http.StatusUnauthorized {
		return err
	}
	s.logins.forget(c.BMC)
	again, lookErr := s.logins.get(ctx, c.BMC, c.Address)
	if lookErr != nil || again == login {
		return err
	}
	return do(again)
}

// refusal is the BMC's refusal in err, or nil if there was no answer.
func refusal(err error) *redfish.Error {
	if err == nil { // as most are
		return nil
	}
	var refused *redfish.Error
	errors.As(err, &refused)
	return refused
}

// verdict tells what a failed call of a BMC means for asking again. Credentials
// that HSM does not have are a refusal.
func verdict(err error) redfish.Verdict {
	if refusal(err) == nil && (fault.Is(err, fault.NotFound) || fault.Is(err, fault.Invalid) || fault.Is(err, fault.Forbidden)) {
		return redfish.Refused
	}
	return redfish.VerdictOf(err)
}

// looks is how often a poll asks a BMC that says "later", in all.
const looks = 3

// look asks the component's BMC for its power, again if it is busy, and twice
// if it does not answer.
func (s *Service) look(ctx context.Context, c *Component) observation {
	at := s.now()
	word, err := s.power(ctx, c)
	for try := 1; err != nil && try < looks && verdict(err) == redfish.Later && ctx.Err() == nil; try++ {
		if refused := refusal(err); refused != nil {
			pause(ctx, backOff(try, min(refused.RetryAfter, lastPause), s.random()))
		} else if try > 1 {
			break
		}
		word, err = s.power(ctx, c)
	}
	return observe(c, at, word, err)
}
