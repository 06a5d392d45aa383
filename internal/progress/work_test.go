package progress

import (
	"fmt"
	"testing"
)

func TestASnapshotSaysWhatConfiguresNodes(t *testing.T) {
	s := site{
		"/apis/bos/v2/sessions/s1": `{"name": "s1", "status": {"status": "running"}}`, "/apis/bos/v2/sessions/s1/status": `{"managed_components_count": 4}`,
		"/apis/bos/v2/components": `[{"id": "x1", "status": {"status": "configuring"}}, {"id": "x2", "status": {"status": "configuring"}}, {"id": "x3", "status": {"status": "configuring"}}, {"id": "x4", "status": {"status": "stable"}}]`,
		"/apis/cfs/v3/sessions": `{"sessions": [{"name": "c1", "configuration": {"name": "site"}, "ansible": {"limit": "x1,x9"}}, {"name": "c2", "configuration": {"name": "site"}, "ansible": {"limit": "x3,x2"}},
			{"name": "others", "configuration": {"name": "site"}, "ansible": {"limit": "x4"}}, {"name": "image", "configuration": {"name": "site"}, "ansible": {"limit": null}}]}`,
		"/apis/cfs/v3/sessions/c1/log": `{"step": "clone", "layers": [{"playbook": "site.yml"}]}`,
		"/apis/cfs/v3/sessions/c2/log": `{"step": "ansible", "layers": [{"playbook": "site.yml"}, {"playbook": "net.yml"}], "task": {"layer": 1, "play": "all", "name": "mount scratch"}}`,
	}
	snapshot, err := s.gateway().Second("s1").Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(Count(snapshot).Work); got != "[site on 2 nodes: net.yml, task 'mount scratch' site on 1 node: step clone]" {
		t.Error(got)
	}
	delete(s, "/apis/cfs/v3/sessions") // a CFS that does not tell
	if snapshot, err = s.gateway().Second("s1").Snapshot(t.Context()); err != nil || len(snapshot.Work) != 0 {
		t.Errorf("%v, %+v", err, snapshot.Work)
	}
}
