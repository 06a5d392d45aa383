package store_test

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

// Sessions of an earlier version keep their nodes, which moved to a table of
// their own, and everything else.
func TestNodesOfOldSessionsMove(t *testing.T) {
	for name, source := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "drover.db") },
		"postgres": func(t *testing.T) string { return storetest.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) { testNodesMove(t, source(t)) })
	}
}

func testNodesMove(t *testing.T, source string) {
	db, err := store.Open(t.Context(), source, func(string, []string) {})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(err)
	defer db.Close()
	must(store.Exec(t.Context(), db, "DROP TABLE bos_session_nodes"))
	for key, doc := range map[string]string{
		"/full":   `{"name":"full","components":"x1,x2","left_out":[{"name":"x3","reason":"it is \"locked\""}],"status":{"status":"running"},"forced_off":[{"name":"x1","at":"","reason":"r"}]}`,
		"a/plain": `{"name":"plain","tenant":"a","components":"","status":{"status":"pending"}}`,
	} {
		must(store.Exec(t.Context(), db, "INSERT INTO bos_sessions (key, rev, doc, tenant, status) VALUES ($1, 1, $2, '', 'running')", key, doc))
	}
	must(store.Repeat(t.Context(), db, "00017_bos_session_nodes.sql"))
	type document map[string]any
	tables := map[string]func(*document) string{
		"bos_sessions":      func(d *document) string { return (*d)["name"].(string) },
		"bos_session_nodes": func(d *document) string { return (*d)["session"].(string) },
	}
	got := map[string]map[string]any{}
	for table, key := range tables {
		list, err := store.NewTable(db, store.Spec[document]{Name: table, Kind: table, Key: key}).List(t.Context(), store.Query{})
		must(err)
		for _, d := range list {
			got[table+" "+key(&d)] = d
		}
	}
	want := map[string]map[string]any{}
	must(json.Unmarshal([]byte(`{
		"bos_sessions full": {"name":"full","left_out_count":1,"status":{"status":"running"},"forced_off":[{"name":"x1","at":"","reason":"r"}]},
		"bos_sessions plain": {"name":"plain","tenant":"a","left_out_count":0,"status":{"status":"pending"}},
		"bos_session_nodes /full": {"session":"/full","components":"x1,x2","left_out":[{"name":"x3","reason":"it is \"locked\""}]},
		"bos_session_nodes a/plain": {"session":"a/plain","components":"","left_out":null}}`), &want))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
