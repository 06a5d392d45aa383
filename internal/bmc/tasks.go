package bmc

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

const (
	tasksPath    = rootPath + "/TaskService/Tasks"
	monitorsPath = rootPath + "/TaskService/TaskMonitors"
	// maxTasks is how many tasks a controller remembers.
	maxTasks = 16
)

// tasks are the resets that became tasks, of all controllers.
type tasks struct {
	mu    sync.Mutex
	last  int
	byBMC map[int][]*task
}

// task is one reset. Its monitor says that it goes on when it is asked first.
type task struct {
	id     string
	no     *Refusal
	looked bool
}

func (t *tasks) add(bmc int, no *Refusal) *task {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byBMC == nil {
		t.byBMC = map[int][]*task{}
	}
	t.last++
	added := &task{id: strconv.Itoa(t.last), no: no}
	list := append(t.byBMC[bmc], added)
	t.byBMC[bmc] = list[max(0, len(list)-maxTasks):]
	return added
}

func (t *tasks) find(bmc int, id string) *task {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, known := range t.byBMC[bmc] {
		if known.id == id {
			return known
		}
	}
	return nil
}

func (t *tasks) paths(bmc int) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var paths []string
	for _, known := range t.byBMC[bmc] {
		paths = append(paths, tasksPath+"/"+known.id)
	}
	return paths
}

// accept answers a reset that became a task.
func (f *Face) accept(w http.ResponseWriter, c Controller, no *Refusal) {
	t := f.tasks.add(c.Number, no)
	w.Header().Set("Location", monitorsPath+"/"+t.id)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	io.WriteString(w, taskResource(t, "Running")) //nolint:errcheck // the client is gone
}

// monitor answers at a task monitor: that the task goes on, then what the reset
// itself would have been answered.
func (f *Face) monitor(w http.ResponseWriter, c Controller, path string) {
	t := f.tasks.find(c.Number, strings.TrimPrefix(path, monitorsPath+"/"))
	if t == nil {
		missing(w, path)
		return
	}
	f.tasks.mu.Lock()
	first := !t.looked
	t.looked = true
	f.tasks.mu.Unlock()
	switch {
	case first:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, taskResource(t, "Running")) //nolint:errcheck // the client is gone
	case t.no != nil:
		t.no.answer(w)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// taskText is the task at a path of the tasks, empty if there is none.
func (f *Face) taskText(c Controller, path string) string {
	if path == tasksPath {
		return collection(path, "Task", f.tasks.paths(c.Number))
	}
	t := f.tasks.find(c.Number, strings.TrimPrefix(path, tasksPath+"/"))
	switch {
	case t == nil:
		return ""
	case t.no != nil:
		return taskResource(t, "Exception")
	}
	return taskResource(t, "Completed")
}

func taskResource(t *task, state string) string {
	status, messages := "OK", ""
	if state == "Exception" {
		status, messages = "Critical", fmt.Sprintf(`{"MessageId":"Base.1.8.GeneralError","Message":%q,"Severity":"Critical"}`, t.no.Message)
	}
	return fmt.Sprintf(`{"@odata.id":"%s/%s","@odata.type":"#Task.v1_5_0.Task","Id":%q,"Name":"Reset","TaskState":%q,"TaskStatus":%q,`+
		`"TaskMonitor":"%s/%s","Messages":[%s]}`, tasksPath, t.id, t.id, state, status, monitorsPath, t.id, messages)
}
