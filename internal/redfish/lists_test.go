package redfish_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/redfish"
)

const systems = "/redfish/v1/Systems"

func walkPatiently(t *testing.T, b http.Handler) (redfish.Inventory, error) {
	t.Helper()
	d := redfish.New(4)
	redfish.PauseWith(d, func(context.Context, time.Duration) error { return nil })
	return d.Walk(t.Context(), serve(t, b), login)
}

// A member that cannot be followed would give its node's name to the next.
func TestASystemWithoutAPathEndsTheWalk(t *testing.T) {
	const known = `{"@odata.id":"/redfish/v1/Systems/Node0"}`
	for name, list := range map[string]string{
		"null":           `{"Members":[null,` + known + `]}`,
		"a number":       `{"Members":[{"@odata.id":5},` + known + `]}`,
		"a text":         `{"Members":["/redfish/v1/Systems/Node1",` + known + `]}`,
		"another member": `{"Members":[{"href":"/redfish/v1/Systems/Node1"},` + known + `]}`,
		"no list":        `{"Members":"/redfish/v1/Systems/Node0"}`,
		"a lost page":    `{"Members":[` + known + `],"Members@odata.nextLink":"/redfish/v1/Systems/lost"}`,
	} {
		if inv, err := walkPatiently(t, with(bmc{systems: list})); err == nil || !strings.Contains(redfish.Describe(err), systems) {
			t.Errorf("%s: %+v, %v", name, inv.Systems, err)
		}
	}
}

func TestAListOfSystemsThatIsNotThereIsAProblem(t *testing.T) {
	inv, err := walkPatiently(t, breaking(card, map[string]http.HandlerFunc{systems: http.NotFound}))
	if err != nil || len(inv.Problems) != 1 || inv.Problems[0].Path != systems {
		t.Errorf("%+v, %v", inv, err)
	}
}

func TestAMemberWithoutAPathIsAProblem(t *testing.T) {
	inv, err := walkPatiently(t, with(bmc{"/redfish/v1/Chassis": `{"Members":[null,{"@odata.id":"/redfish/v1/Chassis/Enclosure"}]}`}))
	if err != nil || len(inv.Chassis) != 1 || len(inv.Problems) != 1 || !strings.Contains(inv.Problems[0].Text, "without a path") {
		t.Errorf("%+v, %v", inv, err)
	}
}

func TestAListThatLeadsBackToItselfIsReadOnce(t *testing.T) {
	asked := 0
	list := func(w http.ResponseWriter, _ *http.Request) {
		asked++
		io.WriteString(w, `{"Members":[{"@odata.id":"/redfish/v1/Systems/Node0"},{"@odata.id":"/redfish/v1/Systems/Node0/"}],"Members@odata.nextLink":"/redfish/v1/Systems"}`)
	}
	inv, err := walkPatiently(t, breaking(card, map[string]http.HandlerFunc{systems: list}))
	if err != nil || len(inv.Systems) != 1 || asked != 1 {
		t.Errorf("asked %d times: %+v, %v", asked, inv.Systems, err)
	}
}
