package pcs

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/httpapi"
)

// What clients may send without: an empty list is refused by the service, in
// its words.

type capSelection struct {
	_      struct{} `additionalProperties:"true"`
	Xnames []string `json:"xnames,omitempty" doc:"Nodes whose power caps to read"`
}

type capControl struct {
	_     struct{} `additionalProperties:"true"`
	Name  string   `json:"name,omitempty" doc:"Control, as a snapshot tells it; 'Node Power Limit' or 'node' is the one of the whole node, whatever its BMC calls it"`
	Value *int     `json:"value,omitempty" doc:"Watts; 0 removes the cap"`
}

type capOrder struct {
	_        struct{}     `additionalProperties:"true"`
	Xname    string       `json:"xname,omitempty" doc:"Node"`
	Controls []capControl `json:"controls,omitempty" doc:"What to set"`
}

type capOrders struct {
	_          struct{}   `additionalProperties:"true"`
	Components []capOrder `json:"components,omitempty" doc:"Nodes and their caps"`
}

// orders are the service's; a control without a value asks for nothing sane.
func (c capOrders) orders() []CapOrder {
	out := make([]CapOrder, len(c.Components))
	for i, o := range c.Components {
		out[i].Xname = o.Xname
		for _, k := range o.Controls {
			control := CapControl{Name: k.Name, Value: -1}
			if k.Value != nil {
				control.Value = *k.Value
			}
			out[i].Controls = append(out[i].Controls, control)
		}
	}
	return out
}

type capStart struct {
	Location string `header:"Location"`
	Body     struct {
		TaskID string `json:"taskID" format:"uuid"`
	}
}

func capStarted(task CapTask, below string, err error) (*capStart, error) {
	out := &capStart{Location: below + task.TaskID} // relative to the request's path
	out.Body.TaskID = task.TaskID
	return out, err
}

type capTaskOut struct{ Body CapTask }

type capTasksOut struct {
	Body struct {
		Tasks []CapTask `json:"tasks" nullable:"false"`
	}
}

func registerPowerCap(g routes, s *Service) {
	tags := []string{"power-cap"}
	handle(g, httpapi.Bulk(huma.Operation{OperationID: "power-cap-snapshot", Method: http.MethodPost, Path: "/power-cap/snapshot",
		Summary: "Begin to read power caps of nodes", DefaultStatus: http.StatusOK, Tags: tags}),
		func(ctx context.Context, in *struct{ Body capSelection }) (*capStart, error) {
			task, err := s.Snapshot(ctx, in.Body.Xnames)
			return capStarted(task, "", err)
		})
	handle(g, httpapi.Bulk(huma.Operation{OperationID: "power-cap-update", Method: http.MethodPatch, Path: "/power-cap",
		Summary: "Begin to set power caps of nodes", DefaultStatus: http.StatusOK, Tags: tags}),
		func(ctx context.Context, in *struct{ Body capOrders }) (*capStart, error) {
			task, err := s.SetCaps(ctx, in.Body.orders())
			return capStarted(task, "power-cap/", err)
		})
	handle(g, huma.Operation{OperationID: "power-cap-list", Method: http.MethodGet, Path: "/power-cap",
		Summary: "List the power cap tasks of the last 24 hours", DefaultStatus: http.StatusOK, Tags: tags},
		func(ctx context.Context, _ *struct{}) (*capTasksOut, error) {
			list, err := s.CapTasks(ctx)
			out := &capTasksOut{}
			out.Body.Tasks = list
			return out, err
		})
	handle(g, huma.Operation{OperationID: "power-cap-describe", Method: http.MethodGet, Path: "/power-cap/{taskID}",
		Summary: "Show a power cap task with its components", DefaultStatus: http.StatusOK, Tags: tags},
		func(ctx context.Context, in *struct {
			TaskID string `path:"taskID" format:"uuid" doc:"Task"`
		}) (*capTaskOut, error) {
			task, err := s.CapTask(ctx, in.TaskID)
			return &capTaskOut{Body: task}, err
		})
}
