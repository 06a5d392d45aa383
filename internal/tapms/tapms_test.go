package tapms_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
	"github.com/drover-hpc/drover/internal/tapms"
)

func start(t *testing.T) *httpapi.Client {
	t.Helper()
	db, err := store.Open(t.Context(), storetest.Migrated(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	mux := http.NewServeMux()
	now := func() time.Time { return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC) }
	tapms.Register(httpapi.New(mux, "/apis/tapms", "TAPMS", "v1alpha3"), tapms.NewService(db, now))
	return httpapi.NewClient("TAPMS", "http://local/apis/tapms", httpapi.Local(mux))
}

func put(c *httpapi.Client, name string, xnames ...string) error {
	_, err := c.Do(context.Background(), http.MethodPut, "/v1alpha3/tenants/"+name, nil, map[string]any{
		"spec": map[string]any{"tenantname": name, "tenantresources": []any{
			map[string]any{"type": "compute", "xnames": xnames},
		}}}, nil)
	return err
}

func TestTenantIsFoundByNameAndUUID(t *testing.T) {
	http := start(t)
	c := tapms.NewClient(http)
	if err := put(http, "blue", "x1c0s1b0n0", "x1c0s01b0n1"); err != nil {
		t.Fatal(err)
	}
	first, err := c.Tenant(t.Context(), "blue")
	if err != nil {
		t.Fatal(err)
	}
	if got := first.Xnames(); !slices.Equal(got, []string{"x1c0s1b0n0", "x1c0s1b0n1"}) {
		t.Errorf("xnames %v", got)
	}
	if err := put(http, "blue", "x1c0s2b0n0"); err != nil {
		t.Fatal(err)
	}
	again, err := c.Tenant(t.Context(), first.Status.UUID)
	if err != nil {
		t.Fatal(err)
	}
	if again.Status.UUID != first.Status.UUID || !again.Metadata.CreationTimestamp.Equal(first.Metadata.CreationTimestamp) {
		t.Error("a replaced tenant lost its identity")
	}
	if got := again.Xnames(); !slices.Equal(got, []string{"x1c0s2b0n0"}) {
		t.Errorf("xnames after replacement %v", got)
	}
	if _, err := c.Tenant(t.Context(), "red"); !fault.Is(err, fault.NotFound) {
		t.Errorf("missing tenant: %v", err)
	}
}

func TestListAndOwners(t *testing.T) {
	c := start(t)
	var list struct{ Items []tapms.Tenant }
	if _, err := c.Do(t.Context(), "GET", "/v1alpha3/tenants", nil, nil, &list); err != nil || list.Items == nil {
		t.Errorf("empty list: items %v, error %v", list.Items, err)
	}
	for name, x := range map[string]string{"blue": "x1c0s1b0n0", "green": "x1c0s2b0n0"} {
		if err := put(c, name, x); err != nil {
			t.Fatal(err)
		}
	}
	var owners []tapms.Tenant
	if _, err := c.Do(t.Context(), "POST", "/v1alpha3/tenants", nil, []string{"X1c0s02b0n0"}, &owners); err != nil {
		t.Fatal(err)
	}
	if len(owners) != 1 || owners[0].Metadata.Name != "green" {
		t.Errorf("owners %v", owners)
	}
	if _, err := c.Do(t.Context(), "DELETE", "/v1alpha3/tenants/green", nil, nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(t.Context(), "DELETE", "/v1alpha3/tenants/green", nil, nil, nil); !httpapi.IsStatus(err, 404) {
		t.Errorf("second deletion: %v", err)
	}
	if _, err := c.Do(t.Context(), "GET", "/v1alpha3/tenants", nil, nil, &list); err != nil || len(list.Items) != 1 {
		t.Errorf("list %v, error %v", list.Items, err)
	}
}

func TestPutRefusesAnotherName(t *testing.T) {
	c := start(t)
	_, err := c.Do(t.Context(), "PUT", "/v1alpha3/tenants/blue", nil,
		map[string]any{"spec": map[string]any{"tenantname": "red", "tenantresources": []any{}}}, nil)
	if !httpapi.IsStatus(err, 400) {
		t.Errorf("got %v, want 400", err)
	}
	_, err = c.Do(t.Context(), "PUT", "/v1alpha3/tenants/a%1B", nil,
		map[string]any{"spec": map[string]any{"tenantname": "a\x1b", "tenantresources": []any{}}}, nil)
	if !httpapi.IsStatus(err, 400) || !strings.Contains(err.Error(), "metadata.name: ") {
		t.Errorf("a control character: %v", err)
	}
}
