package gather

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/explain"
)

// ConsolePath is where Drover answers with the last lines of a node's console.
func ConsolePath(node string, lines int) string {
	return "/v1/nodes/" + url.PathEscape(node) + "/console?lines=" + strconv.Itoa(lines)
}

// waiting asks what the configuration waits for.
func (g *gathering) waiting(ctx context.Context) {
	var stand struct{ Waiting *explain.Waiting }
	if get(ctx, g.services.CFS, "/v3/components/"+g.node+"/waiting", &stand) == nil {
		g.facts.Config.Waiting = stand.Waiting
	}
}

// tasksTold bounds how many failed tasks of a session are asked for.
const tasksTold = 3

// failedTasks asks what ended the node's run in the session; services that are
// not Drover's do not tell.
func (g *gathering) failedTasks(ctx context.Context, session string) []explain.FailedTask {
	if session == "" {
		return nil
	}
	var page struct{ Results []explain.FailedTask }
	q := url.Values{"host": {g.facts.Node}, "status": {"failed,unreachable"}, "limit": {strconv.Itoa(tasksTold)}}
	if get(ctx, g.services.CFS, "/v3/sessions/"+url.PathEscape(session)+"/results?"+q.Encode(), &page) != nil {
		return nil
	}
	return page.Results
}

// run finds the configuration session that names the node, nil if none does.
func (g *gathering) run(ctx context.Context) *explain.Run {
	for _, status := range []string{"running", "pending"} {
		var list struct {
			Sessions []struct {
				Name    string
				Ansible struct{ Limit string }
				Status  struct {
					Session struct{ Waiting *explain.Waiting }
				}
			}
		}
		if get(ctx, g.services.CFS, "/v3/sessions?status="+status, &list) != nil {
			return nil
		}
		for _, one := range list.Sessions {
			if slices.Contains(strings.Split(one.Ansible.Limit, ","), g.facts.Node) {
				return &explain.Run{Name: one.Name, Pending: status == "pending", Waiting: one.Status.Session.Waiting}
			}
		}
	}
	return nil
}

// transition is one of the power service, with its tasks if it was asked for by
// its id.
type transition struct {
	ID         string    `json:"transitionID"`
	CreateTime time.Time `json:"createTime"`
	Status     string    `json:"transitionStatus"`
	Operation  string    `json:"operation"`
	Tasks      []struct {
		Xname       string `json:"xname"`
		Status      string `json:"taskStatus"`
		Description string `json:"taskStatusDescription"`
	} `json:"tasks"`
}

// transitionsAsked bounds how many transitions are asked for the node, the
// newest ones.
const transitionsAsked = 8

// task finds what a transition under way does to the node, nil if none does
// anything.
func (g *gathering) task(ctx context.Context) *explain.Task {
	var list struct{ Transitions []transition }
	if get(ctx, g.services.PCS, "/v1/transitions", &list) != nil {
		return nil
	}
	open := slices.DeleteFunc(list.Transitions, func(t transition) bool { return t.Status != "new" && t.Status != "in-progress" })
	slices.SortFunc(open, func(a, b transition) int { return b.CreateTime.Compare(a.CreateTime) })
	for _, t := range open[:min(len(open), transitionsAsked)] {
		var one transition
		if get(ctx, g.services.PCS, "/v1/transitions/"+url.PathEscape(t.ID), &one) != nil {
			return nil
		}
		for _, task := range one.Tasks {
			if task.Xname == g.facts.Node && (task.Status == "new" || task.Status == "in-progress") {
				return &explain.Task{Operation: one.Operation, Description: task.Description}
			}
		}
	}
	return nil
}
