package hsm

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/redfish"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

// bench is a service with a clock of its own, reached over HTTP in memory.
type bench struct {
	*Service
	t       *testing.T
	http    *httpapi.Client
	client  *Client
	journal *journal.Journal

	mu  sync.Mutex
	now time.Time
}

func newBench(t *testing.T, w Walker) *bench {
	t.Helper()
	b := &bench{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	db, err := store.Open(t.Context(), storetest.Migrated(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	b.journal = journal.New(db, b.clock)
	b.Service = NewService(db, b.journal, w, b.clock)
	mux := http.NewServeMux()
	Register(httpapi.New(mux, "/apis/smd/hsm/v2", "HSM", "2"), b.Service)
	b.http = httpapi.NewClient("HSM", "http://drover/apis/smd/hsm/v2", httpapi.Local(mux))
	b.http.Retries = 0
	b.client = NewClient(b.http)
	return b
}

func (b *bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bench) advance(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

// call makes a request and returns the status, and the answer as text: JSON
// compacted, of a problem the detail alone.
func (b *bench) call(method, path, body string) (int, string) {
	b.t.Helper()
	var in any
	if body != "" {
		in = []byte(body)
	}
	var out json.RawMessage
	_, err := b.http.Do(b.t.Context(), method, path, nil, in, &out)
	var refused *httpapi.StatusError
	if errors.As(err, &refused) {
		return refused.Status, refused.Detail
	}
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	return 200, strings.TrimSpace(string(out))
}

// ok makes a request that must succeed.
func (b *bench) ok(method, path, body string) string {
	b.t.Helper()
	status, text := b.call(method, path, body)
	if status != 200 {
		b.t.Fatalf("%s %s answered %d %s", method, path, status, text)
	}
	return text
}

// refused makes a request that must fail with the status and the text.
func (b *bench) refused(method, path, body string, status int, part string) {
	b.t.Helper()
	if got, text := b.call(method, path, body); got != status || !strings.Contains(text, part) {
		b.t.Errorf("%s %s %s: got %d %q, want %d with %q", method, path, body, got, text, status, part)
	}
}

// ids asks for components and returns their xnames, in order, with blanks.
func (b *bench) ids(path string) string {
	b.t.Helper()
	var out componentArray
	if err := json.Unmarshal([]byte(b.ok("GET", path, "")), &out); err != nil {
		b.t.Fatal(err)
	}
	return idsIn(out.Components)
}

func idsIn(components []Component) string {
	names := make([]string, len(components))
	for i := range components {
		names[i] = components[i].ID
	}
	return strings.Join(names, " ")
}

func (b *bench) component(id string) Component {
	b.t.Helper()
	c, err := b.Component(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come about", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

type walkFunc func(ctx context.Context, address string, login redfish.Login) (redfish.Inventory, error)

func (f walkFunc) Walk(ctx context.Context, address string, login redfish.Login) (redfish.Inventory, error) {
	return f(ctx, address, login)
}

func TestRegisterWithoutService(t *testing.T) {
	api := httpapi.New(http.NewServeMux(), "/apis/smd/hsm/v2", "HSM", "2")
	Register(api, nil)
	for _, path := range []string{"/State/Components", "/groups/{group_label}", "/locks/status", "/Inventory/Discover"} {
		if api.OpenAPI().Paths[path] == nil {
			t.Errorf("%s is not described", path)
		}
	}
	patch := api.OpenAPI().Paths["/State/Components/BulkStateData"].Patch
	schema := patch.RequestBody.Content["application/json"].Schema
	if schema.Ref != "" {
		schema = api.OpenAPI().Components.Schemas.SchemaFromRef(schema.Ref)
	}
	if schema.Properties["ComponentIDs"] == nil || schema.Properties["State"] == nil {
		t.Error("the bulk patch does not describe its properties")
	}
	list := api.OpenAPI().Paths["/State/Components"].Get
	if len(list.Parameters) < 20 {
		t.Errorf("only %d parameters described", len(list.Parameters))
	}
}

func words(s string) []string { return strings.Fields(s) }
