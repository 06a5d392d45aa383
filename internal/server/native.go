package server

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/xname"
)

// Prefix of the routes that are Drover's own.
const nativePrefix = "/apis/drover"

// NodePath names the node that a call is about, however it is spelled.
type NodePath struct {
	Xname string `path:"xname" doc:"node"`
}

// Resolve implements huma.Resolver.
func (in *NodePath) Resolve(huma.Context) []error {
	in.Xname = xname.Canonical(in.Xname)
	if !xname.IsNode(in.Xname) {
		return []error{&huma.ErrorDetail{Message: "expected the xname of a node, such as x1000c0s0b0n0", Location: "path.xname", Value: in.Xname}}
	}
	return nil
}

type journalInput struct {
	NodePath
	After string `query:"after" doc:"key of the last entry already known"`
	Limit int    `query:"limit" minimum:"0" maximum:"100000" default:"0" doc:"at most so many; 0 is all"`
}

type journalOutput struct {
	Body []journal.Entry
}

// registerNative adds what `drover watch` and `drover explain` use.
func registerNative(api huma.API, j *journal.Journal) {
	httpapi.Handle(api, huma.Operation{
		OperationID: "get-node-journal", Method: http.MethodGet, Path: "/v1/nodes/{xname}/journal", Tags: []string{"nodes"},
		Summary: "What happened to a node, oldest first",
	}, func(ctx context.Context, in *journalInput) (*journalOutput, error) {
		list, err := j.List(ctx, in.Xname, in.After, in.Limit)
		if list == nil {
			list = []journal.Entry{}
		}
		return &journalOutput{Body: list}, err
	})
}

// eventPause bounds how often a watcher is told to look again.
const eventPause = 100 * time.Millisecond

// changeEvents answers with a stream of server-sent events: one at once, and one
// each time something in the tables changed. An event holds no data: whoever
// receives it reads again.
func changeEvents(hub *events.Hub, stopping <-chan struct{}, tables ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		out := http.NewResponseController(w)
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-store")
		sub := hub.Subscribe(tables...)
		defer sub.Close()
		alive := time.NewTicker(15 * time.Second)
		defer alive.Stop()
		text := "data: {}\n\n"
		for {
			if _, err := fmt.Fprint(w, text); err != nil || out.Flush() != nil {
				return
			}
			select {
			case <-r.Context().Done():
				return
			case <-stopping:
				return
			case <-alive.C:
				text = ": alive\n\n"
			case <-sub.Ready():
				sub.Take()
				text = "data: {}\n\n"
				pause := time.NewTimer(eventPause)
				select {
				case <-r.Context().Done():
				case <-pause.C:
				}
				pause.Stop()
			}
		}
	}
}
