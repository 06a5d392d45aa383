package cfs

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/httpapi"
)

type sessionV2 struct {
	Name          string               `json:"name"`
	Configuration SessionConfiguration `json:"configuration"`
	Ansible       SessionAnsible       `json:"ansible"`
	Target        Target               `json:"target"`
	Tags          map[string]string    `json:"tags"`
	Status        sessionStatusV2      `json:"status"`
}

type sessionStatusV2 struct {
	Artifacts []Artifact  `json:"artifacts"`
	Session   runStatusV2 `json:"session"`
}

type runStatusV2 struct {
	Status         Stage     `json:"status"`
	Succeeded      Succeeded `json:"succeeded"`
	StartTime      string    `json:"startTime"`
	CompletionTime *string   `json:"completionTime"`
	Job            *string   `json:"job"`
}

func (s Session) v2() sessionV2 {
	run := s.Status.Session
	return sessionV2{Name: s.Name, Configuration: s.Configuration, Ansible: s.Ansible, Target: s.Target, Tags: s.Tags,
		Status: sessionStatusV2{Artifacts: s.Status.Artifacts, Session: runStatusV2{Status: run.Status, Succeeded: run.Succeeded,
			StartTime: run.StartTime, CompletionTime: run.CompletionTime, Job: run.Job}}}
}

type sessionCreateV2 struct {
	Name               string            `json:"name" minLength:"1" format:"session-name" doc:"Name of the session: lower-case letters, digits, '-' and '.'"`
	ConfigurationName  string            `json:"configurationName" doc:"Configuration to apply"`
	ConfigurationLimit string            `json:"configurationLimit,omitempty" doc:"Only these layers: a comma-separated list of indices from 0, or of names"`
	AnsibleLimit       *string           `json:"ansibleLimit,omitempty" format:"git-word" doc:"Only these hosts and groups, as Ansible's --limit has them"`
	AnsibleConfig      string            `json:"ansibleConfig,omitempty" doc:"Ansible configuration; the option defaultAnsibleConfig without it"`
	AnsibleVerbosity   int               `json:"ansibleVerbosity,omitempty" format:"verbosity" doc:"How much Ansible tells"`
	AnsiblePassthrough *string           `json:"ansiblePassthrough,omitempty" doc:"Further arguments: --extra-vars, --forks, --skip-tags, --start-at-task, --tags. No state is recorded then"`
	Target             *targetInput      `json:"target,omitempty"`
	Tags               map[string]string `json:"tags,omitempty" doc:"Free key-value pairs"`
}

func (in sessionCreateV2) request() NewSession {
	return NewSession{Name: in.Name, ConfigurationName: in.ConfigurationName, ConfigurationLimit: in.ConfigurationLimit,
		AnsibleConfig: in.AnsibleConfig, AnsibleLimit: in.AnsibleLimit, AnsibleVerbosity: in.AnsibleVerbosity,
		AnsiblePassthrough: in.AnsiblePassthrough, Target: in.Target.target(), Tags: in.Tags}
}

type createSessionV2Input struct {
	TenantHeader
	Body sessionCreateV2
}

// AgeQuery is the filter that only v2 has.
type AgeQuery struct {
	Age string `query:"age" format:"age" doc:"Deprecated: the same as min_age"`
}

type sessionsV2Input struct {
	AgeQuery
	SessionQuery
}

type deleteSessionsV2Input struct {
	AgeQuery
	DeleteSessionsQuery
}

func (q AgeQuery) filter(f SessionFilter) SessionFilter {
	f.MinAge = orDefault(f.MinAge, q.Age)
	return f
}

type sessionsV2Output struct{ Body []sessionV2 }

type sessionV2Output struct{ Body sessionV2 }

func registerSessionsV2(api huma.API, s *Service) {
	const list, one = "/v2/sessions", "/v2/sessions/{session_name}"
	httpapi.Handle(api, operation("get_sessions_v2", http.MethodGet, list, "List sessions", 200, "sessions", "v2"),
		func(ctx context.Context, in *sessionsV2Input) (*sessionsV2Output, error) {
			found, err := whole(s.Sessions(ctx, in.AgeQuery.filter(in.SessionQuery.filter()), Page{}))
			out := &sessionsV2Output{Body: make([]sessionV2, len(found))}
			for i := range found {
				out.Body[i] = found[i].v2()
			}
			return out, err
		})
	answer := func(session Session, err error) (*sessionV2Output, error) { return &sessionV2Output{session.v2()}, err }
	httpapi.Handle(api, operation("create_session_v2", http.MethodPost, list, "Create a session", 200, "sessions", "v2"),
		func(ctx context.Context, in *createSessionV2Input) (*sessionV2Output, error) {
			return answer(s.CreateSession(ctx, in.Body.request(), CreateOptions{Tenant: in.Tenant}))
		})
	httpapi.Handle(api, operation("delete_sessions_v2", http.MethodDelete, list, "Delete sessions", 204, "sessions", "v2"),
		func(ctx context.Context, in *deleteSessionsV2Input) (*none, error) {
			_, err := s.DeleteSessions(ctx, in.AgeQuery.filter(in.SessionQuery.filter()))
			return nil, err
		})
	httpapi.Handle(api, operation("get_session_v2", http.MethodGet, one, "Describe a session", 200, "sessions", "v2"),
		func(ctx context.Context, in *SessionPath) (*sessionV2Output, error) {
			return answer(s.Session(ctx, in.Name))
		})
	httpapi.Handle(api, operation("patch_session_v2", http.MethodPatch, one, "Update the status of a session", 200, "sessions", "v2"),
		func(ctx context.Context, in *patchSessionInput) (*sessionV2Output, error) {
			return answer(s.PatchSession(ctx, in.Name, in.Body, false))
		})
	httpapi.Handle(api, operation("delete_session_v2", http.MethodDelete, one, "Delete a session", 204, "sessions", "v2"),
		func(ctx context.Context, in *SessionPath) (*none, error) { return nil, s.DeleteSession(ctx, in.Name) })
}
