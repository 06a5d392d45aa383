package v1

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
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

type logInput struct {
	SessionPath
	Follow httpapi.OptionalBool `query:"follow" doc:"Answer with the text of the log: true until the agent's end, false what there is"`
	Offset int64                `query:"offset" minimum:"0" doc:"Leave out so many bytes of the text"`
}

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
	log := op("get_v1_session_log", http.MethodGet, one+"/log", "Show how a session's agent goes, or what it wrote", 0)
	httpapi.AnswersText[SessionLog](api, &log, "V1SessionLog", "How the agent goes; with follow what it wrote")
	handle(api, log, s.answerLog)
	handle(api, op("delete_v1_session", http.MethodDelete, one, "Delete a session; its agent ends", http.StatusNoContent),
		func(ctx context.Context, in *SessionPath) (*struct{}, error) { return nil, s.Delete(ctx, in.ID) })
}

func (s *Service) answerLog(ctx context.Context, in *logInput) (*httpapi.Streamed, error) {
	if in.Follow.Value == nil {
		log, err := s.Log(ctx, in.ID)
		return httpapi.StreamJSON(log), err
	}
	write, err := s.OpenLog(ctx, in.ID, LogRequest{Offset: in.Offset, Follow: *in.Follow.Value})
	return httpapi.StreamText(write), err
}
