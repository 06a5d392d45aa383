package redfish_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/redfish"
)

// said is an error answer in Redfish's form, with the message of the registry.
func said(id, text string) string {
	return fmt.Sprintf(`{"error":{"code":"Base.1.8.GeneralError","message":"See.","@Message.ExtendedInfo":[{"MessageId":%q,"Message":%q}]}}`, id, text)
}

func TestABusyBMCIsLaterNotNo(t *testing.T) {
	words := said("Base.1.8.InternalError", "It broke.")
	tests := map[string]struct {
		status int
		body   string
		want   redfish.Verdict
	}{
		"503":                           {503, "", redfish.Later},
		"503 in words":                  {503, words, redfish.Later},
		"503 that names an action":      {503, said("Base.1.8.ActionNotSupported", "No."), redfish.Later},
		"429":                           {429, "", redfish.Later},
		"409":                           {409, "", redfish.Later},
		"409 in words":                  {409, said("Base.1.8.ResourceInUse", "In use."), redfish.Later},
		"408":                           {408, "", redfish.Later},
		"423":                           {423, "", redfish.Later},
		"425":                           {425, "", redfish.Later},
		"502":                           {502, "<html>", redfish.Later},
		"504":                           {504, "", redfish.Later},
		"500 without words":             {500, "", redfish.Later},
		"500 with a page":               {500, "<html>oops</html>", redfish.Later},
		"500 with text":                 {500, "out of memory", redfish.Later},
		"500 with an empty error":       {500, `{"error":{}}`, redfish.Later},
		"500 in words":                  {500, words, redfish.Refused},
		"500 in the error's own words":  {500, `{"error":{"code":"x","message":"It broke."}}`, redfish.Refused},
		"400":                           {400, words, redfish.Refused},
		"401":                           {401, "", redfish.Refused},
		"404 of a BMC that starts":      {404, "", redfish.Refused},
		"405":                           {405, "", redfish.Refused},
		"redirect":                      {302, "", redfish.Refused},
		"501":                           {501, "", redfish.Never},
		"action not supported":          {400, said("Base.1.8.ActionNotSupported", "No."), redfish.Never},
		"parameter not supported":       {400, said("Base.1.0.0.ActionParameterNotSupported", "No."), redfish.Never},
		"value not in the action's":     {400, said("Base.1.13.ActionParameterValueNotInList", "No."), redfish.Never},
		"value not in the property's":   {400, said("PropertyValueNotInList", "No."), redfish.Never},
		"in another case":               {404, said("base.1.4.actionnotsupported", "No."), redfish.Never},
		"500 that names the value":      {500, said("Base.1.8.PropertyValueNotInList", "No."), redfish.Never},
		"409 that names the action":     {409, said("Base.1.8.ActionNotSupported", "No."), redfish.Never},
		"a message that only begins so": {400, said("Oem.1.0.ActionNotSupportedNow", "No."), redfish.Refused},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := answering(t, tt.status, tt.body, nil)
			if got := redfish.VerdictOf(fmt.Errorf("wrapped: %w", err)); got != tt.want {
				t.Errorf("%v: %v, want %v", err, got, tt.want)
			}
		})
	}
}

// answering returns the error of a reset that is answered so.
func answering(t *testing.T, status int, body string, header map[string]string) *redfish.Error {
	t.Helper()
	bmc := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for k, v := range header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	err := redfish.New(1).Reset(context.Background(), bmc, login, "/a", "On")
	var answer *redfish.Error
	if !errors.As(err, &answer) {
		t.Fatalf("reset answered with %d: %v", status, err)
	}
	return answer
}

func TestNoAnswerIsLater(t *testing.T) {
	cut := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	tests := map[string]struct {
		address string
		unsent  bool
	}{"connection refused": {"127.0.0.1:1", true}, "connection cut": {cut, false}}
	for name, tt := range tests {
		err := redfish.New(1).Reset(context.Background(), tt.address, login, "/a", "On")
		if got := redfish.VerdictOf(err); got != redfish.Later {
			t.Errorf("%s: %v, want later", name, got)
		}
		if got := redfish.NotTaken(err); got != tt.unsent {
			t.Errorf("%s: certainly not taken %v, want %v", name, got, tt.unsent)
		}
	}
	if got := redfish.VerdictOf(redfish.New(1).Reset(context.Background(), cut, login, "elsewhere", "On")); got != redfish.Refused {
		t.Errorf("a link that is no path: %v, want refused", got)
	}
}

// Answers that a gateway gives for a BMC do not tell whether the BMC got the request.
func TestWhetherARequestWasTaken(t *testing.T) {
	for status, want := range map[int]bool{503: true, 429: true, 409: true, 423: true, 425: true, 400: true, 501: true,
		408: false, 500: false, 502: false, 504: false} {
		if got := redfish.NotTaken(&redfish.Error{Status: status}); got != want {
			t.Errorf("%d: certainly not taken %v, want %v", status, got, want)
		}
	}
}

func TestRetryAfterIsCarried(t *testing.T) {
	date := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) // of a BMC whose clock is wrong
	tests := map[string]struct {
		header map[string]string
		want   time.Duration
	}{
		"none":               {nil, 0},
		"seconds":            {map[string]string{"Retry-After": "7"}, 7 * time.Second},
		"negative":           {map[string]string{"Retry-After": "-7"}, 0},
		"nonsense":           {map[string]string{"Retry-After": "soon"}, 0},
		"more than a time":   {map[string]string{"Retry-After": "99999999999999999999"}, 0},
		"very many seconds":  {map[string]string{"Retry-After": "99999999999"}, redfish.LongestRetryAfter},
		"by the BMC's clock": {map[string]string{"Date": date.Format(http.TimeFormat), "Retry-After": date.Add(time.Minute).Format(http.TimeFormat)}, time.Minute},
		"in the past":        {map[string]string{"Date": date.Format(http.TimeFormat), "Retry-After": date.Add(-time.Minute).Format(http.TimeFormat)}, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := answering(t, 503, "", tt.header).RetryAfter; got != tt.want {
				t.Errorf("retry after %v, want %v", got, tt.want)
			}
		})
	}
}

func TestResetTypesAreReadAgain(t *testing.T) {
	got, err := redfish.New(1).ResetTypes(context.Background(), serve(t, card), login, "/redfish/v1/Systems/Node0",
		"/redfish/v1/Systems/Node0/Actions/ComputerSystem.Reset")
	if err != nil || strings.Join(got, " ") != "On Off ForceOff" {
		t.Errorf("got %v, %v", got, err)
	}
}
