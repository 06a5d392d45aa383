package progress

import "time"

// End is where a session stands when it is followed no more, for programs.
type End struct {
	Session      string `json:"session"`
	Operation    string `json:"operation"`
	TemplateName string `json:"template_name"`
	Status       string `json:"status"`
	Outcome      string `json:"outcome"` // the same as the line for people
	Seconds      int    `json:"seconds"` // since its start, up to its end
	OK           bool   `json:"ok"`      // it is over, and each node got where it should be
	Error        string `json:"error"`   // of the session as a whole
	Nodes        int    `json:"nodes"`
	Succeeded    int    `json:"succeeded"`
	Failed       int    `json:"failed"`
	Staged       int    `json:"staged"`
	Taken        int    `json:"taken"`
	ForcedOff    int    `json:"forced_off"`
	LeftOut      int    `json:"left_out"`
	// Troubles are what befell nodes, Under those that are on their way yet, by status.
	Troubles []Trouble      `json:"troubles"`
	Under    map[string]int `json:"under_way"`
}

// Trouble is what befell nodes: they failed, were forced off or left out, or wait.
type Trouble struct {
	Kind  string   `json:"kind"`
	Error string   `json:"error"`
	Nodes []string `json:"nodes"`
	Count int      `json:"count"` // may be more than are known by name
}

// End is where the session stands.
func (t *Tally) End(now time.Time) *End {
	e := &End{Session: t.Session.Name, Operation: t.Session.Operation, TemplateName: t.Session.TemplateName, Status: t.Session.Status.Status,
		Outcome: t.Outcome(now), Seconds: int(t.Elapsed(now) / time.Second), OK: t.OK(), Error: t.Problem(), Nodes: t.Nodes, Succeeded: t.Succeeded, Failed: t.Failed,
		Staged: t.Staged, Taken: t.Taken, ForcedOff: t.ForcedOff, LeftOut: t.LeftOut, Troubles: make([]Trouble, 0, len(t.Failures)), Under: map[string]int{}}
	for _, f := range t.Failures {
		e.Troubles = append(e.Troubles, Trouble(f))
	}
	for status, n := range t.Status {
		if status != stable && status != failed {
			e.Under[status] = n
		}
	}
	return e
}
