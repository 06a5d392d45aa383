package progress

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

var errNone = errors.New("not found")

// site answers by the path, without the query.
type site map[string]string

func (s site) gateway() Gateway {
	return Gateway{Missing: func(err error) bool { return errors.Is(err, errNone) }, Get: func(_ context.Context, path string, out any) error {
		path, _, _ = strings.Cut(path, "?")
		text, ok := s[path]
		if !ok {
			return errNone
		}
		if out == nil {
			return nil
		}
		return json.Unmarshal([]byte(text), out)
	}}
}

func TestASnapshotSaysWhichTaskFailedANode(t *testing.T) {
	s := site{
		"/apis/bos/v2/sessions/s1": `{"name": "s1", "status": {"status": "running"}}`, "/apis/bos/v2/sessions/s1/status": `{"managed_components_count": 2}`,
		"/apis/bos/v2/components":           `[{"id": "x1c0s0b0n0", "error": "cfs configuration failed", "status": {"status": "failed"}}, {"id": "x1c0s1b0n0", "status": {"status": "stable"}}]`,
		"/apis/cfs/v3/components":           `{"components": [{"state": [{"status": "failed", "session_name": "c1"}]}]}`,
		"/apis/cfs/v3/sessions/c1/results":  `{"results": [{"host": "x1c0s0b0n0", "task": "mount", "status": "failed", "message": "no disk"}]}`,
		"/apis/bos/v1/session/first":        `{"operation": "boot", "complete": true}`,
		"/apis/bos/v1/session/first/status": `{"boot_sets": ["a", "b"]}`, "/apis/bos/v1/session/first/status/a": `{"name": "a", "phases": [{"name": "boot", "categories": [{"name": "succeeded", "node_list": ["x1"]}]}]}`,
	}
	second := s.gateway().Find(t.Context(), "s1")
	snapshot, err := second.Snapshot(t.Context())
	if err != nil || second.Events() == "" {
		t.Fatal(err, second.Events())
	}
	tally := Count(snapshot)
	if got := fmt.Sprint(tally.Failures); got != "[failed x1c0s0b0n0: cfs configuration failed: task 'mount' failed: no disk]" {
		t.Error(got)
	}
	rows := tally.Rows()
	if last := rows[len(rows)-1]; last.Name != Finished || last.Count != 2 || last.Detail() != "succeeded 1, failed 1" {
		t.Errorf("%+v", last)
	}
	first := s.gateway().Find(t.Context(), "first")
	snapshot, err = first.Snapshot(t.Context())
	if err != nil || first.Events() != "" || !snapshot.First || Count(snapshot).Succeeded != 1 {
		t.Errorf("%v, %+v", err, snapshot)
	}
	if _, err := s.gateway().Find(t.Context(), "none").Snapshot(t.Context()); !errors.Is(err, errNone) {
		t.Errorf("of no session: %v", err)
	}
}
