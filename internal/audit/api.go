package audit

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

type (
	listInput struct {
		Before  int64     `query:"before" minimum:"0" doc:"Number of the oldest record that is known already: older ones are wanted"`
		Since   string    `query:"since" example:"2026-01-02T03:04:05Z" doc:"Time of the first (RFC 3339)"`
		Until   string    `query:"until" example:"2026-01-02T03:04:05Z" doc:"Time before which the last was"`
		Who     string    `query:"who" doc:"Name of the token, user, node or job, or its id"`
		Session string    `query:"session" doc:"Session that it is about, or whose doing it is"`
		Node    string    `query:"node" example:"x1000c0s0b0n0" doc:"Component that it is about, or that is inside of what it is about, or the other way round"`
		Outcome []Outcome `query:"outcome" enum:"done,invalid,denied,failed,asked,noted" doc:"What became of it: one of these"`
		Limit   int       `query:"limit" minimum:"1" maximum:"10000" default:"100" doc:"At most so many"`
	}
	listOutput struct{ Body []Record }

	verifyInput struct {
		Head string `query:"head" doc:"A head that was noted before, NUMBER:HASH: is it still a part of the chain?"`
	}
	verifyOutput struct{ Body Report }
)

// Register adds the operations that read the log. None writes it.
func Register(api huma.API, l *Log) {
	tags := []string{"audit"}
	httpapi.Handle(api, huma.Operation{OperationID: "list-audit-records", Method: http.MethodGet, Path: "/v1/audit",
		Summary: "Who did what, newest first", Tags: tags}, l.list)
	httpapi.Handle(api, huma.Operation{OperationID: "verify-audit-log", Method: http.MethodGet, Path: "/v1/audit/verify",
		Summary: "Whether every record is there as it was written", Tags: tags},
		func(ctx context.Context, in *verifyInput) (*verifyOutput, error) {
			var noted *Head
			if in.Head != "" {
				h, err := ParseHead(in.Head)
				if err != nil {
					return nil, err
				}
				noted = &h
			}
			r, err := l.Verify(ctx, noted)
			return &verifyOutput{r}, err
		})
}

func (l *Log) list(ctx context.Context, in *listInput) (*listOutput, error) {
	f := Filter{Before: in.Before, Who: in.Who, Session: in.Session, Node: in.Node, Outcomes: in.Outcome, Limit: in.Limit}
	for _, t := range []struct {
		name, text string
		into       *time.Time
	}{{"since", in.Since, &f.Since}, {"until", in.Until, &f.Until}} {
		var err error
		if t.text == "" {
			continue
		}
		if *t.into, err = time.Parse(time.RFC3339, t.text); err != nil {
			return nil, fault.New(fault.Invalid, "%s: expected a time such as 2026-01-02T03:04:05Z, got %q", t.name, t.text)
		}
	}
	list, err := l.List(ctx, f)
	return &listOutput{list}, err
}
