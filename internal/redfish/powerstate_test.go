package redfish

import (
	"encoding/json"
	"testing"
)

func TestPowerStateIsWhatJSONSays(t *testing.T) {
	for _, body := range []string{
		`{"Id": "Node0", "PowerState": "On"}`,
		` {"Status": {"PowerState": "Off"}, "Text": "\"PowerState\": \"Off\"", "PowerState": "PoweringOn"} `,
		`{"Links": {"Chassis": [{"PowerState": "On"}]}}`,
		`{"PowerState": null}`, `{"PowerState": ""}`, `{"PowerState": "O\u006e"}`,
		`{"PowerState": 1}`, `{"PowerState": {"a": "On"}}`, `{"PowerState": true}`,
		`["PowerState", "On"]`, `"On"`, ``, `{"PowerState": "On"`, `{"PowerState": "On"} and more`, `<html>On</html>`,
	} {
		var want struct{ PowerState string }
		wantErr := json.Unmarshal([]byte(body), &want)
		if got, err := powerState([]byte(body)); got != want.PowerState || (err == nil) != (wantErr == nil) {
			t.Errorf("%s: %q, %v, want %q, %v", body, got, err, want.PowerState, wantErr)
		}
	}
}
