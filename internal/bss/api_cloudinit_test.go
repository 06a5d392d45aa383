package bss

import (
	"net/http"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/httpapi/quicktest"
)

func TestElementsOfMetaDataAreAskedForQuickly(t *testing.T) {
	quicktest.Same(t, huma.Operation{OperationID: "get", Method: http.MethodGet, Path: "/meta-data"}, quickMetaData, func(api huma.API) { httpapi.RefuseEmpty(api) }, []quicktest.Case{
		{Target: "/meta-data?key=Global.cfs_public_key", Quick: true},
		{Target: "/meta-data?key=a", Quick: true, Header: http.Header{"X-Forwarded-For": {"10.0.0.1"}}},
		{Target: "/meta-data"},
		{Target: "/meta-data?key="},
		{Target: "/meta-data?key=a%2Eb"},
		{Target: "/meta-data?key=a+b"},
		{Target: "/meta-data?key=a&key=b"},
		{Target: "/meta-data?key=%00"},
		{Target: "/meta-data?Key=a"},
		{Target: "/meta-data?key=a;b"},
	})
}
