package explain

import "strings"

// FailedTask is a task of a configuration session that ended a node's run.
type FailedTask struct {
	Host    string `json:"host"`
	Task    string `json:"task"`
	Status  string `json:"status"` // failed or unreachable
	Message string `json:"message"`
}

// maxTold bounds what is told of a task's message, in bytes.
const maxTold = 400

// Words are the task and its message, on a line. The node's own name in the
// message becomes "this node", so that what befell several is told once.
func (t *FailedTask) Words() string {
	how := "failed"
	if t.Status == "unreachable" {
		how = "did not reach it"
	}
	message := t.Message
	if t.Host != "" {
		message = strings.ReplaceAll(message, t.Host, "this node")
	}
	message = strings.Join(strings.Fields(message), " ")
	if len(message) > maxTold {
		message = strings.ToValidUTF8(message[:maxTold], "") + "..."
	}
	return "task '" + t.Task + "' " + how + ": " + message
}

// LastFailure is the session of the last layer that failed on the node, ""
// if none did.
func LastFailure(layers []Layer) string {
	for i := len(layers) - 1; i >= 0; i-- {
		if layers[i].Status == "failed" {
			return layers[i].SessionName
		}
	}
	return ""
}
