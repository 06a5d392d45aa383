package hsm

import (
	"time"

	"github.com/drover-hpc/drover/internal/fault"
)

// Reasons why a component was passed over.
const (
	reasonNotFound = "NotFound"
	reasonLocked   = "Locked"
	reasonUnlocked = "Unlocked"
	reasonReserved = "Reserved"
	reasonDisabled = "Disabled"
)

// Processing models: all or nothing, or as many as possible.
const (
	rigid    = "rigid"
	flexible = "flexible"
)

func isRigid(model string) (bool, error) {
	switch model {
	case "", rigid:
		return true, nil
	case flexible:
		return false, nil
	}
	return false, fault.New(fault.Invalid, "ProcessingModel is '%s', expected %s or %s", model, rigid, flexible)
}

// refusal is the answer to a rigid request that one component spoils.
func refusal(f Failure) error {
	text := map[string]string{
		reasonNotFound: "Component not found",
		reasonLocked:   "Component is Locked",
		reasonUnlocked: "Component is Unlocked",
		reasonReserved: "Component is Reserved",
		reasonDisabled: "Component reservations are disabled",
	}[f.Reason]
	return fault.New(fault.Invalid, "%s: %s", text, f.ID)
}

// lockAction is what an administrator does to the lock or to reservations; it
// returns the reason why it cannot.
type lockAction func(c *Component) (reason string)

func lock(c *Component) string {
	if c.Locked {
		return reasonLocked
	}
	c.Locked = true
	return ""
}

func unlock(c *Component) string {
	if !c.Locked {
		return reasonUnlocked
	}
	c.Locked = false
	return ""
}

func disableReservations(c *Component) string {
	c.ReservationDisabled = true
	return ""
}

func repairReservations(c *Component) string {
	c.ReservationDisabled = false
	return ""
}

// reservable returns the reason why the component cannot be reserved. An
// administrator reserves what is locked, a service what is not.
func reservable(c *Component, reserved, administrator bool) string {
	switch {
	case administrator && !c.Locked:
		return reasonUnlocked
	case !administrator && c.Locked:
		return reasonLocked
	case c.ReservationDisabled:
		return reasonDisabled
	case reserved:
		return reasonReserved
	}
	return ""
}

// reservation keeps a component to whoever knows the key. The deputy key
// proves that there is one and cannot end it.
type reservation struct {
	ID             string     `json:"id"`
	DeputyKey      string     `json:"deputy_key"`
	ReservationKey string     `json:"reservation_key"`
	Created        time.Time  `json:"created"`
	Expires        *time.Time `json:"expires,omitempty"` // nil: never, an administrator's
}

func (r *reservation) expired(now time.Time) bool { return r.Expires != nil && !now.Before(*r.Expires) }

// Keys are the proofs of a reservation.
type Keys struct {
	ID             string     `json:"ID" doc:"xname"`
	DeputyKey      string     `json:"DeputyKey" doc:"Proves that there is a reservation"`
	ReservationKey string     `json:"ReservationKey,omitempty" doc:"Ends or prolongs it"`
	CreationTime   *time.Time `json:"CreationTime,omitempty" doc:"When it was made"`
	ExpirationTime *time.Time `json:"ExpirationTime,omitempty" doc:"When it ends by itself"`
}

// KeyOf is a component and a key for it.
type KeyOf struct {
	ID  string `json:"ID" doc:"xname"`
	Key string `json:"Key" doc:"Deputy or reservation key"`
}

// Failure is a component that was passed over.
type Failure struct {
	ID     string `json:"ID" doc:"xname"`
	Reason string `json:"Reason" enum:"NotFound,Locked,Unlocked,Disabled,Reserved,ServerError" doc:"Why"`
}

// LockResult is the outcome for each component.
type LockResult struct {
	Counts struct {
		Total   int `json:"Total"`
		Success int `json:"Success"`
		Failure int `json:"Failure"`
	} `json:"Counts"`
	Success struct {
		ComponentIDs []string `json:"ComponentIDs" nullable:"false"`
	} `json:"Success"`
	Failure []Failure `json:"Failure" nullable:"false"`
}

func newLockResult(done []string, failed []Failure) LockResult {
	var r LockResult
	r.Counts.Total, r.Counts.Success, r.Counts.Failure = len(done)+len(failed), len(done), len(failed)
	r.Success.ComponentIDs = append([]string{}, done...)
	r.Failure = append([]Failure{}, failed...)
	return r
}

// ReservationResult is the outcome of a reservation for each component.
type ReservationResult struct {
	Success []Keys    `json:"Success" nullable:"false"`
	Failure []Failure `json:"Failure" nullable:"false"`
}

// LockStatus is how a component is locked and reserved.
type LockStatus struct {
	ID                  string     `json:"ID" doc:"xname"`
	Locked              bool       `json:"Locked" doc:"Whether an administrator holds a lock"`
	Reserved            bool       `json:"Reserved" doc:"Whether someone holds a reservation"`
	CreationTime        *time.Time `json:"CreationTime,omitempty" doc:"When the reservation was made"`
	ExpirationTime      *time.Time `json:"ExpirationTime,omitempty" doc:"When it ends by itself"`
	ReservationDisabled bool       `json:"ReservationDisabled" doc:"Whether reservations are refused"`
}

func newLockStatus(c *Component, r *reservation) LockStatus {
	s := LockStatus{ID: c.ID, Locked: c.Locked, ReservationDisabled: c.ReservationDisabled, Reserved: r != nil}
	if r != nil {
		s.CreationTime, s.ExpirationTime = &r.Created, r.Expires
	}
	return s
}
