package bos

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/httpapi"
)

// SessionCreate is what a caller says of a session to start.
type SessionCreate struct {
	Name            string    `json:"name,omitempty" minLength:"1" format:"name" doc:"Name of the session; a UUID if not given"`
	Operation       Operation `json:"operation" enum:"boot,reboot,shutdown" doc:"What to do: boot brings nodes to the template's state and restarts them only if needed, reboot always restarts, shutdown powers off"`
	TemplateName    string    `json:"template_name" minLength:"1" format:"name" example:"cle-1.0.0" doc:"Name of the session template"`
	Limit           *string   `json:"limit,omitempty" nullable:"true" format:"node-expression" doc:"Nodes, groups and roles to which the session is limited, comma-separated; & before a name means and, ! not"`
	Stage           bool      `json:"stage,omitempty" doc:"Only note what to do; applystaged starts it"`
	IncludeDisabled bool      `json:"include_disabled,omitempty" doc:"Include nodes that are disabled in HSM"`
}

type createSessionInput struct {
	TenantHeader
	Body SessionCreate
}

// Resolve implements huma.Resolver: who wants a plan gets no session instead.
func (*createSessionInput) Resolve(ctx huma.Context) []error {
	if dry := ctx.Query("dry_run"); dry != "" && dry != "false" {
		return []error{&huma.ErrorDetail{Message: "a plan is made by POST /apis/drover/v1/sessions?dry_run=true", Location: "query.dry_run", Value: dry}}
	}
	return nil
}

// SessionPath names the session that a call is about.
type SessionPath struct {
	TenantHeader
	ID string `path:"session_id" minLength:"1" format:"name" doc:"Name of the session"`
}

type sessionsInput struct {
	TenantHeader
	MinAge string       `query:"min_age" format:"age" doc:"Only sessions that started at least so long ago, such as 6h or 1d"`
	MaxAge string       `query:"max_age" format:"age" doc:"Only sessions that started at most so long ago"`
	Status SessionLabel `query:"status" enum:"pending,running,complete" doc:"Only sessions with this status"`
}

// SessionUpdate is what PATCH changes of a session.
type SessionUpdate struct {
	Components *string              `json:"components,omitempty" format:"node-expression" doc:"The nodes that the session began with, comma-separated"`
	Status     *sessionStatusUpdate `json:"status,omitempty" doc:"The session's status"`
}

type sessionStatusUpdate struct {
	StartTime *string       `json:"start_time,omitempty" format:"time" doc:"When the session started"`
	EndTime   *string       `json:"end_time,omitempty" nullable:"true" format:"time" doc:"When the session completed"`
	Status    *SessionLabel `json:"status,omitempty" enum:"pending,running,complete" doc:"Where the session stands"`
	Error     *string       `json:"error,omitempty" nullable:"true" format:"words" doc:"Why the session could not be set up"`
}

type patchSessionInput struct {
	SessionPath
	Body SessionUpdate
}

type sessionOutput struct{ Body SessionRecord }

type sessionsOutput struct{ Body []SessionRecord }

type extendedOutput struct{ Body ExtendedStatus }

// sessionRecords are the sessions as they are served.
func (s *Service) sessionRecords(ctx context.Context, list ...Session) ([]SessionRecord, error) {
	nodes, err := s.SessionNodes(ctx, list...)
	records := make([]SessionRecord, len(list))
	for i := range list {
		records[i] = sessionRecord(&list[i], nodes[list[i].key()].Components)
	}
	return records, err
}

func (s *Service) oneSession(ctx context.Context, session Session) (*sessionOutput, error) {
	records, err := s.sessionRecords(ctx, session)
	return &sessionOutput{records[0]}, err
}

func sessionOperation(id, method, path, summary string, status int, tags ...string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, DefaultStatus: status,
		Tags: append([]string{"v2", "sessions"}, tags...)}
}

func registerSessions(api huma.API, s *Service) {
	const all = "/v2/sessions"
	op := sessionOperation
	httpapi.Handle(api, op("post_v2_session", http.MethodPost, all, "Start a session", http.StatusCreated),
		func(ctx context.Context, in *createSessionInput) (*sessionOutput, error) {
			n := in.Body
			session, err := s.CreateSession(ctx, NewSession{Name: n.Name, Tenant: in.Tenant, Operation: n.Operation,
				TemplateName: n.TemplateName, Limit: valueOf(n.Limit), Stage: n.Stage, IncludeDisabled: n.IncludeDisabled})
			if err != nil {
				return nil, err
			}
			return &sessionOutput{Body: sessionRecord(&session, "")}, nil
		})
	httpapi.Handle(api, op("get_v2_sessions", http.MethodGet, all, "List sessions", 0),
		func(ctx context.Context, in *sessionsInput) (*sessionsOutput, error) {
			f, err := in.filter(s.Now())
			if err != nil {
				return nil, err
			}
			list, err := s.Sessions(ctx, in.Tenant, f)
			if err != nil {
				return nil, err
			}
			records, err := s.sessionRecords(ctx, list...)
			return &sessionsOutput{records}, err
		})
	httpapi.Handle(api, op("delete_v2_sessions", http.MethodDelete, all, "Delete sessions", http.StatusNoContent),
		func(ctx context.Context, in *sessionsInput) (*struct{}, error) {
			f, err := in.filter(s.Now())
			if err != nil {
				return nil, err
			}
			return nil, s.DeleteSessions(ctx, in.Tenant, f)
		})
	registerSession(api, s)
}

// registerSession are the routes of one session.
func registerSession(api huma.API, s *Service) {
	const one, status = "/v2/sessions/{session_id}", "/v2/sessions/{session_id}/status"
	op := sessionOperation
	httpapi.Handle(api, op("get_v2_session", http.MethodGet, one, "Describe a session", 0),
		func(ctx context.Context, in *SessionPath) (*sessionOutput, error) {
			session, err := s.Session(ctx, in.ID, in.Tenant)
			if err != nil {
				return nil, err
			}
			return s.oneSession(ctx, session)
		})
	httpapi.Handle(api, op("patch_v2_session", http.MethodPatch, one, "Change a session's status; for BOS itself", 0, "cli_ignore"),
		func(ctx context.Context, in *patchSessionInput) (*sessionOutput, error) {
			session, err := s.UpdateSession(ctx, in.ID, in.Tenant, in.Body.apply, in.Body.Components)
			if err != nil {
				return nil, err
			}
			return s.oneSession(ctx, session)
		})
	httpapi.Handle(api, op("delete_v2_session", http.MethodDelete, one, "Delete a session", http.StatusNoContent),
		func(ctx context.Context, in *SessionPath) (*struct{}, error) {
			return nil, s.DeleteSession(ctx, in.ID, in.Tenant)
		})
	httpapi.Handle(api, op("get_v2_session_status", http.MethodGet, status, "Tell how far a session is", 0),
		func(ctx context.Context, in *SessionPath) (*extendedOutput, error) {
			st, err := s.Status(ctx, in.ID, in.Tenant)
			return &extendedOutput{Body: st}, err
		})
	httpapi.Handle(api, op("save_v2_session_status", http.MethodPost, status, "Keep a session's status as it is; for BOS itself", http.StatusOK, "cli_ignore"),
		func(ctx context.Context, in *SessionPath) (*extendedOutput, error) {
			st, err := s.SaveStatus(ctx, in.ID, in.Tenant)
			return &extendedOutput{Body: st}, err
		})
}

// filter turns ages into times.
func (in *sessionsInput) filter(now time.Time) (SessionFilter, error) {
	f := SessionFilter{Status: in.Status}
	for _, age := range []struct {
		text string
		to   *time.Time
	}{{in.MinAge, &f.Before}, {in.MaxAge, &f.After}} {
		if age.text == "" {
			continue
		}
		d, err := ParseAge(age.text)
		if err != nil {
			return f, err
		}
		*age.to = now.Add(-d)
	}
	return f, nil
}

func (u *SessionUpdate) apply(s *Session) error {
	if u.Status == nil {
		return nil
	}
	set(&s.Status.Status, u.Status.Status)
	set(&s.Status.Error, u.Status.Error)
	for _, t := range []struct {
		text *string
		to   *time.Time
	}{{u.Status.StartTime, &s.Status.StartTime}, {u.Status.EndTime, &s.Status.EndTime}} {
		if t.text == nil {
			continue
		}
		at, err := parseStamp(*t.text)
		if err != nil {
			return err
		}
		*t.to = at
	}
	return nil
}

func parseStamp(text string) (time.Time, error) {
	for _, form := range []string{"2006-01-02T15:04:05", time.RFC3339Nano} {
		if t, err := time.Parse(form, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, invalid("time '%s' is not understood: expected YYYY-MM-DDTHH:MM:SS", text)
}

func valueOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
