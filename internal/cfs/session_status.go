package cfs

import (
	"encoding/json"
	"slices"

	"github.com/drover-hpc/drover/internal/job"

	"github.com/drover-hpc/drover/internal/fault"
)

var (
	stages    = []Stage{StagePending, StageRunning, StageComplete}
	successes = []Succeeded{SucceededNone, SucceededUnknown, SucceededFalse, SucceededTrue}
)

// advance moves the value forward in its order; what is unknown or would go
// back changes nothing.
func advance[T comparable](order []T, value *T, to T) {
	if slices.Index(order, to) > slices.Index(order, *value) {
		*value = to
	}
}

// patchSession applies a client's patch of the status. keepJob refuses to set
// the job of a session that has one.
func patchSession(s *Session, patch map[string]json.RawMessage, keepJob bool) error {
	for key := range patch {
		if key != "status" {
			return fault.New(fault.Invalid, "only 'status' of a session can be patched, not '%s'", key)
		}
	}
	var status struct {
		Session   map[string]any `json:"session"`
		Artifacts []Artifact     `json:"artifacts"`
	}
	if raw, ok := patch["status"]; ok {
		if err := json.Unmarshal(raw, &status); err != nil {
			return fault.Titled(fault.Invalid, "Error parsing the data provided.", "status: %w", err)
		}
	}
	if err := s.patchRun(status.Session, keepJob); err != nil {
		return err
	}
	for _, a := range status.Artifacts {
		if !slices.Contains(s.Status.Artifacts, a) {
			s.Status.Artifacts = append(s.Status.Artifacts, a)
		}
	}
	return nil
}

// patchRun applies status.session: what is empty is ignored, status and
// succeeded only advance.
func (s *Session) patchRun(patch map[string]any, keepJob bool) error {
	run := &s.Status.Session
	for key, value := range patch {
		text, isText := value.(string)
		switch {
		case value == nil || text == "" && isText:
			continue
		case !isText:
			return fault.Titled(fault.Invalid, "Error parsing the data provided.", "status.session.%s must be a string", key)
		}
		switch key {
		case "status":
			advance(stages, &run.Status, Stage(text))
		case "succeeded":
			advance(successes, &run.Succeeded, Succeeded(text))
		case "job":
			if run.Job != nil && keepJob {
				return fault.Titled(fault.Conflict, "Session patch conflict.", "session '%s' has a job already: %s", s.Name, *run.Job)
			}
			run.Job = &text
		case "ims_job":
			run.IMSJob = &text
		case "completion_time":
			run.CompletionTime = &text
		case "start_time":
			run.StartTime = text
		default:
			return fault.New(fault.Invalid, "status.session has no property '%s'", key)
		}
	}
	if run.Status == StageComplete {
		run.Waiting = nil
	}
	return nil
}

// follow moves the session to where its job stands.
func (s *Session) follow(state JobState) {
	run := &s.Status.Session
	ended := func(as Succeeded) {
		advance(stages, &run.Status, StageComplete)
		advance(successes, &run.Succeeded, as)
		if run.CompletionTime == nil && !state.Ended.IsZero() {
			t := sessionTime(state.Ended)
			run.CompletionTime = &t
		}
	}
	run.Waiting = nil
	switch state.Phase {
	case job.Running:
		advance(stages, &run.Status, StageRunning)
		if run.Status == StageRunning { // a client may have called it complete
			run.Waiting = state.Waiting
		}
	case job.Succeeded:
		ended(SucceededTrue)
	case job.Failed:
		ended(SucceededFalse)
	case job.Lost:
		ended(SucceededUnknown)
	}
}
