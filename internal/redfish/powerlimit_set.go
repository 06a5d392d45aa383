package redfish

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// SetPowerLimit has the BMC keep to the limit from now on, 0 to none. A refusal
// is an *Error with the BMC's words. Asking again does no harm.
func (d *Driver) SetPowerLimit(ctx context.Context, address string, login Login, l PowerLimit, watts int) error {
	err := d.change(ctx, address, login, l.path, l.setting(watts))
	if l.form == formControl && slices.Contains([]int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented}, statusOf(err)) {
		// HPE's node cards change their controls only all at once.
		collection := l.path[:strings.LastIndexByte(strings.TrimSuffix(l.path, "/"), '/')]
		deepErr := d.change(ctx, address, login, collection+".Deep", l.deepSetting(watts))
		if statusOf(deepErr) != http.StatusNotFound { // else there is none
			return deepErr
		}
	}
	return err
}

// change makes a PATCH and waits a moment for the task that may come of it.
func (d *Driver) change(ctx context.Context, address string, login Login, path string, setting map[string]any) error {
	body, err := json.Marshal(setting)
	if err != nil {
		return err
	}
	r := request{method: http.MethodPatch, path: path, body: body}
	a, err := d.conditional(ctx, address, login, r)
	if err == nil && a.status == http.StatusAccepted {
		err = d.follow(ctx, address, login, r, a)
	}
	return err
}

// setting is what to change at the limit's path.
func (l PowerLimit) setting(watts int) map[string]any {
	var value any = watts
	if watts == 0 {
		value = nil
	}
	switch {
	case l.form == formPower:
		controls := make([]any, l.index+1)
		for i := range controls {
			controls[i] = map[string]any{} // stays as it is
		}
		controls[l.index] = map[string]any{"PowerLimit": map[string]any{"LimitInWatts": value}}
		return map[string]any{"PowerControl": controls}
	case l.form == formEnvironment:
		return map[string]any{"PowerLimitWatts": l.setPoint(value)}
	}
	return l.setPoint(value)
}

// setPoint is the setting of a control: its mode says whether there is a limit,
// if it has one.
func (l PowerLimit) setPoint(value any) map[string]any {
	switch {
	case !l.mode:
		return map[string]any{"SetPoint": value}
	case value == nil:
		return map[string]any{"ControlMode": "Disabled"}
	}
	return map[string]any{"SetPoint": value, "ControlMode": "Automatic"}
}

func (l PowerLimit) deepSetting(watts int) map[string]any {
	mode := "Automatic"
	if watts == 0 {
		mode = "Disabled"
	}
	return map[string]any{"Members": []any{map[string]any{"@odata.id": l.path, "SetPoint": watts, "ControlMode": mode}}}
}
