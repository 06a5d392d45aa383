package hsm

import (
	"context"
	"net/http"
)

// Reserve reserves the components for a service, for 1 to 15 minutes. Those
// that cannot be reserved are the result's failures.
func (c *Client) Reserve(ctx context.Context, ids []string, minutes int) (ReservationResult, error) {
	var out ReservationResult
	_, err := c.http.Do(ctx, http.MethodPost, "/locks/service/reservations", nil,
		map[string]any{"ComponentIDs": ids, "ProcessingModel": flexible, "ReservationDuration": minutes}, &out)
	return out, err
}

// Renew has the reservations last that many minutes from now. Those that are
// no more are the result's failures.
func (c *Client) Renew(ctx context.Context, keys []KeyOf, minutes int) (LockResult, error) {
	var out LockResult
	_, err := c.http.Do(ctx, http.MethodPost, "/locks/service/reservations/renew", nil,
		map[string]any{"ReservationKeys": keys, "ProcessingModel": flexible, "ReservationDuration": minutes}, &out)
	return out, err
}

// Release ends the reservations. Those that are no more are the result's failures.
func (c *Client) Release(ctx context.Context, keys []KeyOf) (LockResult, error) {
	var out LockResult
	_, err := c.http.Do(ctx, http.MethodPost, "/locks/service/reservations/release", nil,
		map[string]any{"ReservationKeys": keys, "ProcessingModel": flexible}, &out)
	return out, err
}

// CheckDeputies tells which of the deputy keys prove a reservation.
func (c *Client) CheckDeputies(ctx context.Context, keys []KeyOf) (ReservationResult, error) {
	var out ReservationResult
	_, err := c.http.Do(ctx, http.MethodPost, "/locks/service/reservations/check", nil, map[string]any{"DeputyKeys": keys}, &out)
	return out, err
}
