package bmc

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
)

// readBody decodes the body, which may be empty, and refuses what it cannot
// read.
func readBody(w http.ResponseWriter, r *http.Request, into any) bool {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil && len(bytes.TrimSpace(text)) > 0 {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "MalformedJSON", "The request body could not be read as JSON.")
	}
	return err == nil
}

func (f *Face) reset(w http.ResponseWriter, c Controller, s System, kind string) {
	if !checkResetType(w, kind, c.Character.offers()) {
		return
	}
	f.done(w, c, s.Reset(kind))
}

// done answers a change that was made, or not, as the controller's character is.
func (f *Face) done(w http.ResponseWriter, c Controller, no *Refusal) {
	switch {
	case c.Character.Tasks && (no == nil || !no.Dropped):
		f.accept(w, c, no)
	case no != nil:
		no.answer(w)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func checkResetType(w http.ResponseWriter, kind string, allowed []string) bool {
	if kind == "" {
		refuse(w, http.StatusBadRequest, "ActionParameterMissing",
			"The action Reset requires the parameter ResetType to be present in the request body.")
		return false
	}
	if !slices.Contains(allowed, kind) {
		refuse(w, http.StatusBadRequest, "ActionParameterNotSupported",
			"The value "+kind+" for the parameter ResetType is not one of "+strings.Join(allowed, ", ")+".")
		return false
	}
	return true
}

// patch changes what can be: limits, and a system's boot source override.
func (f *Face) patch(w http.ResponseWriter, r *http.Request, c Controller, path string) {
	s, rest := c.system(path)
	switch {
	case c.changesLimit(path):
		f.setLimits(w, r, c, path)
		return
	case s != nil && rest == "":
	case c.resource(path, nil) != "":
		refuse(w, http.StatusMethodNotAllowed, "OperationNotAllowed", "Nothing can be changed at "+path+".")
		return
	default:
		missing(w, path)
		return
	}
	var body map[string]json.RawMessage
	if !c.conditionMet(w, r, path) || !readBody(w, r, &body) {
		return
	}
	var boot struct{ BootSourceOverrideEnabled, BootSourceOverrideTarget string }
	for name, value := range body {
		if name != "Boot" {
			refuse(w, http.StatusBadRequest, "PropertyNotWritable", "The property "+name+" cannot be changed.")
			return
		}
		if json.Unmarshal(value, &boot) != nil {
			refuse(w, http.StatusBadRequest, "PropertyValueTypeError", "The property Boot is not an object of strings.")
			return
		}
	}
	o, property, wrong := s.BootOverride().merge(boot.BootSourceOverrideEnabled, boot.BootSourceOverrideTarget)
	if wrong != "" {
		refuse(w, http.StatusBadRequest, "PropertyValueNotInList", "The value "+wrong+" for the property "+property+" is not in the list of acceptable values.")
		return
	}
	if no := s.SetBootOverride(o); no != nil {
		no.answer(w)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
