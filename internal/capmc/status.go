package capmc

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/pcs"
)

// States is which components are how: lists of names, sorted.
type States struct {
	On        []string `json:"on,omitempty" doc:"Powered on"`
	Off       []string `json:"off,omitempty" doc:"Powered off"`
	Ready     []string `json:"ready,omitempty" doc:"Booted"`
	Standby   []string `json:"standby,omitempty" doc:"Booted once and silent since"`
	Halt      []string `json:"halt,omitempty" doc:"Halted"`
	Empty     []string `json:"empty,omitempty" doc:"Nothing is there"`
	Populated []string `json:"populated,omitempty" doc:"Something is there of which no more is known"`
	Unknown   []string `json:"unknown,omitempty" doc:"HSM does not know"`
	Undefined []string `json:"undefined,omitempty" doc:"Of which nobody can tell"`
	Disabled  []string `json:"disabled,omitempty" doc:"Not to be used; they are in another list too"`
	Flags     *Flags   `json:"flags,omitempty" doc:"What is amiss"`
}

// Flags is with which components something is amiss.
type Flags struct {
	Alert   []string `json:"alert,omitempty"`
	Warning []string `json:"warning,omitempty"`
	Locked  []string `json:"locked,omitempty"`
}

// filter is the words of a filter that are given.
type filter map[string]bool

// filterWords are those that there are. Those of what there is no more select
// nothing.
var filterWords = map[string]string{"show_all": "all", "show_on": "on", "show_off": "off", "show_ready": "ready", "show_standby": "standby",
	"show_halt": "halt", "show_disabled": "disabled", "show_empty": "empty", "show_populated": "populated", "show_undefined": "undefined",
	"show_unknown": "unknown", "show_diag": "diag", "show_alert": "alert", "show_warn": "warning", "show_warning": "warning",
	"show_resv": "locked", "show_reserved": "locked", "show_resvd": "locked"}

func parseFilter(text string) (filter, error) {
	f := filter{}
	for _, word := range strings.Split(cmp.Or(text, "show_all"), "|") {
		state, known := filterWords[strings.TrimSpace(word)]
		if !known {
			return nil, refuse(http.StatusBadRequest, "Bad Request: invalid filter string: %s", word)
		}
		f[state] = true
	}
	return f, nil
}

func (f filter) shows(what string) bool { return f["all"] || f[what] }

// takes tells whether the filter lists the component at all: one that is
// disabled only if everything is asked for, or those.
func (f filter) takes(c *hsm.Component) bool { return c.IsEnabled() || f.shows("disabled") }

// source is who is asked for states.
type source string

const (
	fromHardware source = "hardware" // PCS
	fromSoftware source = "software" // HSM
)

func parseSource(given any) (source, error) {
	word, isText := given.(string)
	switch strings.ToLower(word) {
	case "", "redfish", "hardware":
		if isText || given == nil {
			return fromHardware, nil
		}
	case "hsm", "hms", "sm", "smd", "software":
		return fromSoftware, nil
	}
	return "", refuse(http.StatusBadRequest, "Bad Request: invalid source: %v, expected redfish or hsm", given)
}

// stateOf is a component's state in HSM, in the words of answers.
func stateOf(c *hsm.Component) string { return cmp.Or(strings.ToLower(c.State), "undefined") }

// powerOf is a component's state in PCS, in the words of answers.
func powerOf(p *pcs.PowerStatus) string {
	if p.Error != "" || p.PowerState == "" {
		return "undefined"
	}
	return string(p.PowerState)
}

// sorted puts the components into lists by their states, and counts those whose
// state nobody can tell.
func sorted(components []hsm.Component, state func(*hsm.Component) string, f filter) (out States, undefined int) {
	lists := map[string]*[]string{"on": &out.On, "off": &out.Off, "ready": &out.Ready, "standby": &out.Standby, "halt": &out.Halt,
		"empty": &out.Empty, "populated": &out.Populated, "unknown": &out.Unknown, "undefined": &out.Undefined}
	var flags Flags
	flagged := map[string]*[]string{"alert": &flags.Alert, "warning": &flags.Warning, "locked": &flags.Locked}
	slices.SortFunc(components, func(a, b hsm.Component) int { return strings.Compare(a.ID, b.ID) })
	for i := range components {
		c := &components[i]
		is := state(c)
		if lists[is] == nil {
			is = "undefined"
		}
		if is == "undefined" {
			undefined++
		}
		if !f.takes(c) {
			continue
		}
		if f.shows(is) {
			*lists[is] = append(*lists[is], c.ID)
		}
		if !c.IsEnabled() {
			out.Disabled = append(out.Disabled, c.ID)
		}
		for _, flag := range flagsOf(c) {
			if f.shows(flag) {
				*flagged[flag] = append(*flagged[flag], c.ID)
				out.Flags = &flags
			}
		}
	}
	return out, undefined
}

func flagsOf(c *hsm.Component) (out []string) {
	switch flag := strings.ToLower(c.Flag); {
	case flag == "alert" || flag == "warning":
		out = append(out, flag)
	case flag == "locked" && !c.Locked:
		return []string{"locked"}
	}
	if c.Locked {
		out = append(out, "locked")
	}
	return out
}

func untold(n int) Result {
	if n == 0 {
		return Result{}
	}
	return Result{failed, fmt.Sprintf("Errors encountered: the state of %d components cannot be told", n)}
}
