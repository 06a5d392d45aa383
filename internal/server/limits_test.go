package server

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/fault"
)

func TestLimitsThatNoServerCanHaveAreRefused(t *testing.T) {
	for args, refused := range map[string]string{
		"--client-connections 0":  "",
		"--client-connections -1": "client-connections: ",
		"--bulk-body 1024":        "",
		"--bulk-body 1025":        "bulk-body: ",
		"--bulk-body -1":          "bulk-body: ",
	} {
		_, err := loaded(t, strings.Fields(args)...)
		if (err == nil) != (refused == "") || err != nil && (!fault.Is(err, fault.Invalid) || !strings.HasPrefix(err.Error(), refused)) {
			t.Errorf("%s: %v", args, err)
		}
	}
}

// Operations on many things take what the option says, the others little, and those that
// have no body next to none; each says so before the body is sent. None takes what one of
// the databases could not hold.
func TestEachOperationBoundsItsBody(t *testing.T) {
	c := testConfig(t)
	c.Limits.Bulk = 9
	s, err := Start(t.Context(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	announced := func(operation string, length int) (int, string) {
		return sendRaw(t, s.URL(), fmt.Sprintf("%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", operation, length), false)
	}
	var bulk, takers []string
	for _, operation := range operations(t, s) {
		if method, _, _ := strings.Cut(operation, " "); !changes(method) {
			continue
		}
		status, text := announced(operation, 1<<40)
		if !strings.Contains(text, "at most 64 KiB") {
			takers = append(takers, operation)
		}
		switch {
		case status == http.StatusRequestEntityTooLarge && strings.Contains(text, "at most 9 MiB: ") && strings.Contains(text, "(bulk-body)"):
			if !strings.Contains(operation, "/capmc/") {
				bulk = append(bulk, operation)
			}
		case status == http.StatusRequestEntityTooLarge && (strings.Contains(text, "at most 8 MiB\"") || strings.Contains(text, "at most 64 KiB\"")):
		default:
			t.Errorf("%s: %d %s", operation, status, text)
		}
	}
	slices.Sort(bulk)
	want := strings.Fields(`PATCH:bos/v2/components PUT:bos/v2/components PATCH:cfs/v2/components PUT:cfs/v2/components PATCH:cfs/v3/components PUT:cfs/v3/components
		PATCH:bss/boot/v1/bootparameters POST:bss/boot/v1/bootparameters PUT:bss/boot/v1/bootparameters
		PATCH:power-control/v1/power-cap POST:power-control/v1/power-cap/snapshot POST:power-control/v1/power-status POST:power-control/v1/transitions
		POST:smd/hsm/v2/State/Components POST:smd/hsm/v2/State/Components/ByNID/Query POST:smd/hsm/v2/State/Components/Query
		PATCH:smd/hsm/v2/State/Components/BulkEnabled PATCH:smd/hsm/v2/State/Components/BulkFlagOnly PATCH:smd/hsm/v2/State/Components/BulkNID
		PATCH:smd/hsm/v2/State/Components/BulkRole PATCH:smd/hsm/v2/State/Components/BulkSoftwareStatus PATCH:smd/hsm/v2/State/Components/BulkStateData
		POST:smd/hsm/v2/Inventory/Hardware POST:smd/hsm/v2/Inventory/RedfishEndpoints POST:smd/hsm/v2/Defaults/NodeMaps POST:smd/hsm/v2/sysinfo/powermaps`)
	for i := range want {
		want[i] = strings.Replace(want[i], ":", " /apis/", 1)
	}
	slices.Sort(want)
	if !slices.Equal(bulk, want) {
		t.Errorf("bulk:\n%s\nwant:\n%s", strings.Join(bulk, "\n"), strings.Join(want, "\n"))
	}
	const zero = `{"name":"a\u0000"}`
	for _, operation := range takers {
		status, text := sendRaw(t, s.URL(), fmt.Sprintf("%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", operation, len(zero), zero), false)
		if status != http.StatusBadRequest || !strings.Contains(text, "zero byte") {
			t.Errorf("%s takes a zero byte: %d %s", operation, status, text)
		}
	}
}

// Who does not say the length is stopped when it is too long.
func TestABodyInChunksIsBoundedByItsOperation(t *testing.T) {
	c := testConfig(t)
	c.Limits.Bulk = 1
	s, err := Start(t.Context(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	list := func(bytes int) string { return "[" + strings.Repeat(" ", bytes-2) + "]" }
	for _, c := range []struct {
		path, want string
		bytes      int
		status     int
	}{
		{"/apis/bos/v2/components", "[]", 1 << 20, http.StatusOK},
		{"/apis/bos/v2/components", "at most 1 MiB: ", 1<<20 + 1, http.StatusRequestEntityTooLarge},
		{"/apis/bos/v2/sessiontemplates/a", "at most 8 MiB", 8<<20 + 1, http.StatusRequestEntityTooLarge},
	} {
		status, text := sendRaw(t, s.URL(), chunked("PUT", c.path, list(c.bytes), "0\r\n\r\n"), false)
		if status != c.status || !strings.Contains(text, c.want) {
			t.Errorf("%s, %d bytes: %d %s", c.path, c.bytes, status, text)
		}
	}
}
