package cfs

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/httpapi"
)

// SessionQuery are the filters of sessions that both versions have.
type SessionQuery struct {
	MinAge       string `query:"min_age" format:"age" doc:"Only sessions at least this old, such as 24h or 3d"`
	MaxAge       string `query:"max_age" format:"age" doc:"Only sessions at most this old, such as 24h or 3d"`
	Status       string `query:"status" enum:"pending,running,complete," doc:"Only sessions with this status"`
	NameContains string `query:"name_contains" doc:"Only sessions with this in their name"`
	Succeeded    string `query:"succeeded" enum:"none,true,false,unknown," doc:"Only sessions that ended so"`
	Tags         string `query:"tags" doc:"Comma-separated key=value pairs, all of which must match"`
}

func (q SessionQuery) filter() SessionFilter {
	return SessionFilter{MinAge: q.MinAge, MaxAge: q.MaxAge, Status: q.Status, Succeeded: q.Succeeded,
		NameContains: q.NameContains, Tags: q.Tags}
}

type sessionsInput struct {
	PageQuery
	SessionQuery
}

type sessionsNext struct {
	Age          *string `json:"age"`
	MinAge       *string `json:"min_age"`
	MaxAge       *string `json:"max_age"`
	Status       *string `json:"status"`
	NameContains *string `json:"name_contains"`
	Succeeded    *string `json:"succeeded"`
	Tags         *string `json:"tags"`
	Limit        int     `json:"limit"`
	AfterID      string  `json:"after_id"`
}

// TransformSchema implements huma.SchemaTransformer: null where there is none.
func (sessionsNext) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	return httpapi.Nullable(s)
}

func (q SessionQuery) next(found []Session) *sessionsNext {
	return &sessionsNext{MinAge: textOrNull(q.MinAge), MaxAge: textOrNull(q.MaxAge), Status: textOrNull(q.Status),
		NameContains: textOrNull(q.NameContains), Succeeded: textOrNull(q.Succeeded), Tags: textOrNull(q.Tags),
		Limit: len(found), AfterID: found[len(found)-1].Name}
}

type sessionsOutput struct {
	Body struct {
		Sessions []Session     `json:"sessions"`
		Next     *sessionsNext `json:"next"`
	}
}

// DeleteSessionsQuery takes complete sessions unless the status is given; an
// empty one takes all.
type DeleteSessionsQuery struct{ SessionQuery }

// Resolve tells a status that is absent from one that is empty.
func (in *DeleteSessionsQuery) Resolve(ctx huma.Context) []error {
	if u := ctx.URL(); !u.Query().Has("status") {
		in.Status = string(StageComplete)
	}
	return nil
}

type targetInput struct {
	Definition TargetDefinition `json:"definition,omitempty" enum:"image,spec,repo,dynamic" default:"dynamic" doc:"Where the inventory comes from"`
	Groups     []TargetGroup    `json:"groups,omitempty" doc:"Groups of the inventory, for the definitions image and spec"`
	ImageMap   []ImageName      `json:"image_map,omitempty" doc:"Names of the images that result"`
}

func (t *targetInput) target() Target {
	if t == nil {
		return Target{Definition: TargetDynamic}
	}
	out := Target(*t)
	out.Definition = TargetDefinition(orDefault(string(t.Definition), string(TargetDynamic)))
	return out
}

type sessionCreate struct {
	Name               string            `json:"name" minLength:"1" format:"session-name" doc:"Name of the session: lower-case letters, digits, '-' and '.'"`
	ConfigurationName  string            `json:"configuration_name" minLength:"1" format:"configuration-name" doc:"Configuration to apply"`
	ConfigurationLimit string            `json:"configuration_limit,omitempty" doc:"Only these layers: a comma-separated list of indices from 0, or of names"`
	AnsibleLimit       string            `json:"ansible_limit,omitempty" format:"git-word" doc:"Only these hosts and groups, as Ansible's --limit has them"`
	AnsibleConfig      string            `json:"ansible_config,omitempty" doc:"Ansible configuration; the option default_ansible_config without it"`
	AnsibleVerbosity   int               `json:"ansible_verbosity,omitempty" format:"verbosity" doc:"How much Ansible tells"`
	AnsiblePassthrough string            `json:"ansible_passthrough,omitempty" doc:"Further arguments: --extra-vars, --forks, --skip-tags, --start-at-task, --tags. No state is recorded then"`
	Target             *targetInput      `json:"target,omitempty"`
	Tags               map[string]string `json:"tags,omitempty" doc:"Free key-value pairs"`
	DebugOnFailure     bool              `json:"debug_on_failure,omitempty" doc:"Keep the session's files for a while if it fails"`
}

type createSessionInput struct {
	TenantHeader
	Body sessionCreate
}

func (in sessionCreate) request() NewSession {
	return NewSession{Name: in.Name, ConfigurationName: in.ConfigurationName, ConfigurationLimit: in.ConfigurationLimit,
		AnsibleConfig: in.AnsibleConfig, AnsibleLimit: &in.AnsibleLimit, AnsibleVerbosity: in.AnsibleVerbosity,
		AnsiblePassthrough: &in.AnsiblePassthrough, Target: in.Target.target(), Tags: in.Tags, DebugOnFailure: in.DebugOnFailure}
}

// SessionPath names a session.
type SessionPath struct {
	Name string `path:"session_name" doc:"Name of the session"`
}

type patchSessionInput struct {
	SessionPath
	Body map[string]json.RawMessage `doc:"Only 'status' can be changed, and only forward"`
}

type sessionOutput struct{ Body Session }

type sessionIDsOutput struct {
	Body struct {
		IDs []string `json:"session_ids"`
	}
}

func registerSessions(api huma.API, s *Service) {
	const list, one = "/v3/sessions", "/v3/sessions/{session_name}"
	httpapi.Handle(api, operation("get_sessions_v3", http.MethodGet, list, "List sessions", 200, "sessions", "v3"),
		func(ctx context.Context, in *sessionsInput) (*sessionsOutput, error) {
			found, more, err := s.Sessions(ctx, in.filter(), in.page())
			out := &sessionsOutput{}
			out.Body.Sessions = found
			if more {
				out.Body.Next = in.next(found)
			}
			return out, err
		})
	httpapi.Handle(api, operation("create_session_v3", http.MethodPost, list, "Create a session", 201, "sessions", "v3"),
		func(ctx context.Context, in *createSessionInput) (*sessionOutput, error) {
			session, err := s.CreateSession(ctx, in.Body.request(), CreateOptions{Tenant: in.Tenant, Debug: true})
			return &sessionOutput{session}, err
		})
	httpapi.Handle(api, operation("delete_sessions_v3", http.MethodDelete, list, "Delete sessions", 200, "sessions", "v3"),
		func(ctx context.Context, in *DeleteSessionsQuery) (*sessionIDsOutput, error) {
			gone, err := s.DeleteSessions(ctx, in.filter())
			out := &sessionIDsOutput{}
			out.Body.IDs = gone
			return out, err
		})
	httpapi.Handle(api, operation("get_session_v3", http.MethodGet, one, "Describe a session", 200, "sessions", "v3"),
		func(ctx context.Context, in *SessionPath) (*sessionOutput, error) {
			session, err := s.Session(ctx, in.Name)
			return &sessionOutput{session}, err
		})
	httpapi.Handle(api, operation("patch_session_v3", http.MethodPatch, one, "Update the status of a session", 200, "sessions", "v3"),
		func(ctx context.Context, in *patchSessionInput) (*sessionOutput, error) {
			session, err := s.PatchSession(ctx, in.Name, in.Body, true)
			return &sessionOutput{session}, err
		})
	httpapi.Handle(api, operation("delete_session_v3", http.MethodDelete, one, "Delete a session", 204, "sessions", "v3"),
		func(ctx context.Context, in *SessionPath) (*none, error) { return nil, s.DeleteSession(ctx, in.Name) })
}
