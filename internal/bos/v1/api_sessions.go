package v1

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/fault"
)

// SessionCreate is what a caller says of a session to start.
type SessionCreate struct {
	Operation    string        `json:"operation" format:"operation" doc:"boot, configure, reboot or shutdown, in any letter case"`
	TemplateName string        `json:"templateName,omitempty" format:"name" doc:"Name of the session template"`
	TemplateUUID string        `json:"templateUuid,omitempty" format:"name" deprecated:"true" doc:"Name of the session template, as it was given before templateName, which wins"`
	Job          string        `json:"job,omitempty" readOnly:"true" doc:"Means nothing here"`
	Limit        string        `json:"limit,omitempty" format:"limit" doc:"Nodes, groups and roles to which the session is limited, comma-separated; & before a name means and, ! not"`
	Links        []SessionLink `json:"links,omitempty" readOnly:"true" nullable:"false" doc:"Mean nothing here"`
}

type createSessionInput struct {
	NoTenant
	Body SessionCreate
}

type createdOutput struct{ Body CreatedSession }

type idsOutput struct{ Body []string }

// SessionPath names a session.
type SessionPath struct {
	NoTenant
	ID string `path:"session_id" format:"word" doc:"ID of the session"`
}

type detailsOutput struct{ Body SessionDetails }

func registerSessions(api huma.API, s *Service) {
	op := func(id, method, path, summary string, status int) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, DefaultStatus: status, Tags: []string{"session"}}
	}
	const all, one = "/v1/session", "/v1/session/{session_id}"
	handle(api, op("create_v1_session", http.MethodPost, all, "Start a session", http.StatusCreated),
		func(ctx context.Context, in *createSessionInput) (*createdOutput, error) {
			name := in.Body.TemplateName
			if name == "" {
				name = in.Body.TemplateUUID
			}
			if name == "" {
				return nil, fault.New(fault.Invalid, "templateName is a required parameter")
			}
			session, err := s.Create(ctx, NewSession{Operation: in.Body.Operation, Template: name, Limit: in.Body.Limit})
			return &createdOutput{Body: createdSession(&session)}, err
		})
	handle(api, op("get_v1_sessions", http.MethodGet, all, "List the IDs of sessions", 0),
		func(ctx context.Context, _ *NoTenant) (*idsOutput, error) {
			ids, err := s.IDs(ctx)
			return &idsOutput{Body: ids}, err
		})
	handle(api, op("get_v1_session", http.MethodGet, one, "Describe a session", 0),
		func(ctx context.Context, in *SessionPath) (*detailsOutput, error) {
			session, sets, err := s.Session(ctx, in.ID)
			return &detailsOutput{Body: sessionDetails(&session, sets)}, emptyIfMissing(err)
		})
	handle(api, op("delete_v1_session", http.MethodDelete, one, "Delete a session; its agent ends", http.StatusNoContent),
		func(ctx context.Context, in *SessionPath) (*struct{}, error) { return nil, s.Delete(ctx, in.ID) })
}
