package cfs

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/job"
)

// SessionLog is how a session's job goes, for people.
type SessionLog struct {
	Name     string     `json:"name"`
	Job      string     `json:"job"`
	Phase    job.Phase  `json:"phase" doc:"waiting, running, succeeded, failed or lost"`
	Step     string     `json:"step,omitempty" doc:"Step that runs, or that failed"`
	Message  string     `json:"message,omitempty" doc:"Why it failed: the hosts, tasks and messages, or the end of the step's output"`
	Started  time.Time  `json:"started,omitzero"`
	Ended    time.Time  `json:"ended,omitzero"`
	Attempts int        `json:"attempts,omitempty" doc:"How often the job could not be started"`
	Steps    []JobStep  `json:"steps,omitempty" doc:"Steps begun so far, in order"`
	Task     *Begun     `json:"task,omitempty" doc:"Of one that runs: the task that began last"`
	Held     *Held      `json:"held,omitempty" doc:"The environment of a failed session with debug_on_failure, while it stays"`
	Layers   []JobLayer `json:"layers" doc:"What runs, fixed when the session was created"`
}

type logInput struct {
	SessionPath
	Follow httpapi.OptionalBool `query:"follow" doc:"Answer with the text of the log: true until the session's end, false what there is"`
	Step   string               `query:"step" doc:"Only what this step wrote: clone, inventory, ansible, teardown of images; run for the supervisor"`
	Offset int64                `query:"offset" minimum:"0" doc:"Leave out so many bytes of the text"`
}

// resultsInput has status as a list in one word, as other lists are.
type resultsInput struct {
	SessionPath
	Host    string `query:"host" doc:"Only results of these hosts, separated by commas"`
	Status  string `query:"status" doc:"Only these outcomes, separated by commas: ok, changed, skipped, ignored, rescued, failed, unreachable"`
	Layer   int    `query:"layer" minimum:"-1" default:"-1" doc:"Only this layer, by its index; -1: all"`
	Limit   int    `query:"limit" minimum:"1" maximum:"100000" doc:"Most results to return; the option default_page_size without it"`
	AfterID int64  `query:"after_id" minimum:"0" doc:"Return the results after this one"`
}

var outcomes = []Outcome{OutcomeOK, OutcomeChanged, OutcomeSkipped, OutcomeIgnored, OutcomeRescued, OutcomeFailed, OutcomeUnreachable}

// ParseFilter reads lists of hosts and outcomes, separated by commas.
func ParseFilter(hosts, statuses string) (f ResultFilter, err error) {
	for _, h := range strings.FieldsFunc(hosts, isComma) {
		f.Hosts = append(f.Hosts, strings.TrimSpace(h))
	}
	for _, text := range strings.FieldsFunc(statuses, isComma) {
		known := false
		for _, o := range outcomes {
			known = known || string(o) == text
		}
		if !known {
			return f, fault.New(fault.Invalid, "status '%s': expected some of ok, changed, skipped, ignored, rescued, failed, unreachable", text)
		}
		f.Statuses = append(f.Statuses, Outcome(text))
	}
	return f, nil
}

func isComma(r rune) bool { return r == ',' }

type resultsOutput struct {
	Body struct {
		Results []TaskResult `json:"results"`
		LeftOut int64        `json:"left_out,omitempty" doc:"Results that were not kept, for want of room"`
		Next    *resultsNext `json:"next" doc:"What to ask for the next page; null on the last one"`
	}
}

type resultsNext struct {
	Limit   int   `json:"limit"`
	AfterID int64 `json:"after_id"`
}

// TransformSchema implements huma.SchemaTransformer: null where there is none.
func (resultsNext) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	return httpapi.Nullable(s)
}

type hostResultsOutput struct {
	Body struct {
		Hosts []HostResults `json:"hosts"`
	}
}

// registerRecords adds Drover's own routes on what sessions did.
func registerRecords(api huma.API, s *Service) {
	const one = "/v3/sessions/{session_name}"
	httpapi.Handle(api, operation("get_session_results_v3", http.MethodGet, one+"/results", "List what each task came to on each host", 200, "sessions", "v3"),
		func(ctx context.Context, in *resultsInput) (*resultsOutput, error) {
			f, err := ParseFilter(in.Host, in.Status)
			if err != nil {
				return nil, err
			}
			if in.Layer >= 0 {
				f.Layer = &in.Layer
			}
			page, err := s.Results(ctx, in.Name, f, in.AfterID, in.Limit)
			out := &resultsOutput{}
			out.Body.Results, out.Body.LeftOut = page.Results, page.LeftOut
			if n := len(page.Results); page.More && n > 0 {
				out.Body.Next = &resultsNext{Limit: n, AfterID: page.Results[n-1].ID}
			}
			return out, err
		})
	httpapi.Handle(api, operation("get_session_hosts_v3", http.MethodGet, one+"/hosts", "Count results for each host", 200, "sessions", "v3"),
		func(ctx context.Context, in *SessionPath) (*hostResultsOutput, error) {
			hosts, err := s.HostResults(ctx, in.Name)
			out := &hostResultsOutput{}
			out.Body.Hosts = hosts
			return out, err
		})
	log := operation("get_session_log_v3", http.MethodGet, one+"/log", "Show how a session's job goes and why it failed, or what its steps wrote", 200, "sessions", "v3")
	httpapi.AnswersText[SessionLog](api, &log, "SessionLog", "How the job goes; with follow what its steps wrote")
	httpapi.Handle(api, log, s.answerLog)
}

func (s *Service) answerLog(ctx context.Context, in *logInput) (*httpapi.Streamed, error) {
	if in.Follow.Value == nil {
		log, err := s.Log(ctx, in.Name)
		return httpapi.StreamJSON(log), err
	}
	write, err := s.OpenLog(ctx, in.Name, LogRequest{Step: in.Step, Offset: in.Offset, Follow: *in.Follow.Value})
	return httpapi.StreamText(write), err
}
