package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/cli/derive"
	"github.com/drover-hpc/drover/internal/xname"
)

// partly is the exit code of a command that did what it was asked for, but not
// with all nodes.
const partly = 3

// maxReasons is of how many nodes BOS is asked why nothing was applied.
const maxReasons = 100

// tellNotApplied says of which nodes the staged state was not applied, and
// why. The published answer has names only: each node's record has the reason.
func tellNotApplied(in *derive.Input, answer []byte) error {
	var applied struct{ Succeeded, Failed, Ignored []string }
	if err := json.Unmarshal(answer, &applied); err != nil {
		return failed("decode the answer of applystaged: %v", err)
	}
	not := slices.Concat(applied.Failed, applied.Ignored)
	if len(not) == 0 {
		return nil
	}
	byReason := map[string][]string{}
	var order []string
	for k, node := range not[:min(len(not), maxReasons)] {
		why := whyNotApplied(in, node, k < len(applied.Failed))
		if byReason[why] == nil {
			order = append(order, why)
		}
		byReason[why] = append(byReason[why], node)
	}
	text := fmt.Sprintf("%d applied, %d failed, %d ignored", len(applied.Succeeded), len(applied.Failed), len(applied.Ignored))
	for _, why := range order {
		text += "\n  " + xname.Fold(byReason[why]) + ": " + why
	}
	if more := len(not) - maxReasons; more > 0 {
		text += fmt.Sprintf("\n  and %d more", more)
	}
	return &failure{code: partly, message: text}
}

func whyNotApplied(in *derive.Input, node string, failed bool) string {
	if strings.TrimSpace(node) == "" {
		return "it has no name"
	}
	record, err := in.Fetch(http.MethodGet, describeComponent(node), nil)
	var c struct {
		Error       string
		StagedState struct{ Session string } `json:"staged_state"`
	}
	switch {
	case err != nil:
		return "BOS says: " + err.Error()
	case json.Unmarshal(record, &c) != nil:
		return "BOS's record of it cannot be read"
	case failed && c.Error != "":
		return c.Error
	case failed:
		return "BOS gives no reason"
	case c.StagedState.Session == "":
		return "nothing is staged for it"
	}
	return "session " + c.StagedState.Session + " is staged for it; BOS gives no reason"
}
