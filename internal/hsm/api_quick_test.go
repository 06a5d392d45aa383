package hsm

import (
	"net/http"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/httpapi/quicktest"
)

func TestStatesAreReadQuickly(t *testing.T) {
	const own = "/State/Components/x1c0s0b0n0/StateData"
	quicktest.Same(t, answering(operation("patch", http.MethodPatch, "/State/Components/{xname}/StateData", ""), http.StatusNoContent), quickPatch(readState), func(huma.API) {}, []quicktest.Case{
		{Target: own, Body: `{"State":"Ready","Flag":"OK"}`, Quick: true},
		{Target: own, Body: `{"State":"ready"}`, Quick: true},
		{Target: own, Body: `{"State":"Ready","Force":true}`},
		{Target: own, Body: `{"state":"Ready"}`},
		{Target: own, Body: `{"State":"Ready","ID":"x1c0s0b0n0"}`},
		{Target: own, Body: `{"State":null}`},
		{Target: own, Body: `{"State":"Ready","State":"On"}`},
		{Target: own, Body: `"Ready"`},
		{Target: own, Body: ``},
	})
}

func TestLeasesAreReadQuickly(t *testing.T) {
	const own = "/Inventory/EthernetInterfaces/02000000000a"
	quicktest.Same(t, operation("patch", http.MethodPatch, "/Inventory/EthernetInterfaces/{ethInterfaceID}", ""), quickLease, func(huma.API) {}, []quicktest.Case{
		{Target: own, Body: `{"IPAddresses":[{"IPAddress":"10.0.0.1"}]}`, Quick: true},
		{Target: own, Body: `{"IPAddresses":[{"IPAddress":"10.0.0.1","Network":"n"},{"IPAddress":"10.0.0.2"},{}]}`, Quick: true},
		{Target: own, Body: `{"IPAddresses":[]}`, Quick: true},
		{Target: own, Body: `{}`, Quick: true},
		{Target: own, Body: `{"IPAddresses":null}`},
		{Target: own, Body: `{"IPAddresses":["10.0.0.1"]}`},
		{Target: own, Body: `{"IPAddresses":[{"ipaddress":"10.0.0.1"}]}`},
		{Target: own, Body: `{"Description":"d","IPAddresses":[]}`},
		{Target: own, Body: `{"ipaddresses":[]}`},
	})
}
