package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/drover-hpc/drover/internal/cfs"
)

// playAll ends each job of a CFS session at once, a few at a time: it reports
// the hosts as configured, by the call that the Ansible plugin makes, and tells
// the server that the job is over.
func (l *lab) playAll() {
	for range 4 {
		go func() {
			for j := range l.jobs {
				err := l.report(j)
				if err == nil {
					err = l.server.Ask("done", j.ID, nil)
				}
				if err != nil {
					l.fail(err)
				}
			}
		}()
	}
}

func (l *lab) report(j cfs.Job) error {
	type appended struct {
		CloneURL string `json:"clone_url"`
		Playbook string `json:"playbook"`
		Commit   string `json:"commit"`
		Session  string `json:"session_name"`
		Status   string `json:"status"`
	}
	type patch struct {
		ID     string   `json:"id"`
		Append appended `json:"state_append"`
	}
	for _, layer := range j.Layers {
		var body []patch
		for x := range strings.SplitSeq(j.Limit, ",") {
			body = append(body, patch{x, appended{layer.CloneURL, layer.Playbook, layer.Commit, j.Session, "applied"}})
		}
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		if _, err := l.api.Do(context.Background(), http.MethodPatch, "/apis/cfs/v3/components?count_errors=true", nil, text, nil); err != nil {
			return err
		}
	}
	return nil
}
