package redfish

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Driver speaks Redfish to any number of BMCs. Its methods are safe for
// concurrent use; address is "host" or "host:port".
type Driver struct {
	http  *http.Client
	slots chan struct{}
}

// Error is a BMC's refusal: an answer of 400 or more.
type Error struct {
	Method, Path string
	Status       int
	// Message is the BMC's own words, empty if it gave none.
	Message string
}

func (e *Error) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("BMC answered %d %s to %s %s", e.Status, http.StatusText(e.Status), e.Method, e.Path)
	}
	return fmt.Sprintf("BMC answered %d: %s", e.Status, e.Message)
}

// New returns a driver that uses at most connections connections at a time.
func New(connections int) *Driver {
	return &Driver{http: &http.Client{}, slots: make(chan struct{}, connections)}
}

// Walk reads the BMC's tree: managers, chassis, and systems with their
// interfaces and reset actions.
func (d *Driver) Walk(ctx context.Context, address string, login Login) (Inventory, error) {
	return Inventory{}, errors.ErrUnsupported
}

// PowerState returns the PowerState of the resource, as Redfish spells it.
func (d *Driver) PowerState(ctx context.Context, address string, login Login, odataID string) (string, error) {
	return "", errors.ErrUnsupported
}

// Reset asks for a reset of the type at the action's target. A refusal is an
// *Error with the BMC's words; any other error means that no answer came.
func (d *Driver) Reset(ctx context.Context, address string, login Login, target, resetType string) error {
	return errors.ErrUnsupported
}
