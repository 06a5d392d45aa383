package cfs

import (
	"slices"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
)

// record is a component as it is stored.
type record struct {
	Component
	// Generation counts how often the whole state was replaced.
	Generation int64 `json:"generation,omitempty"`
}

// shared are the strings that the nodes of a configuration have in common.
func (r *record) shared() []*string {
	list := []*string{&r.DesiredConfig}
	for i := range r.State {
		l := &r.State[i]
		list = append(list, &l.CloneURL, &l.Playbook, &l.Commit, &l.SessionName)
	}
	return list
}

// newRecord is a component as hwsync makes it.
func newRecord(id string) record {
	return record{Component: Component{ID: id, State: []StateLayer{}, Enabled: true, Tags: map[string]string{}}}
}

// change is one application of a patch.
type change struct {
	patch ComponentPatch
	now   time.Time
	// countErrors has each appended layer move the error count: failed adds
	// one, applied sets it to zero. A report that comes again, because its
	// answer was lost, changes nothing.
	countErrors bool
	// began is when the session of the appended layer was created; "" if it is
	// not there.
	began string
}

// apply puts the patch onto the record. It is the rule of PATCH; PUT applies
// to a new record.
func (c change) apply(r *record) error {
	p := c.patch
	if p.State != nil {
		state, err := c.layers(*p.State, r.State)
		if err != nil {
			return err
		}
		r.State = state
		r.Generation++
	}
	if p.DesiredConfig != nil && *p.DesiredConfig != r.DesiredConfig { // one of before may stay
		if err := fault.CheckName("desired_config", *p.DesiredConfig); err != nil {
			return err
		}
		r.DesiredConfig = *p.DesiredConfig
	}
	switch {
	case p.ErrorCount != nil:
		r.ErrorCount = *p.ErrorCount
	case p.DesiredConfig != nil, p.State != nil && len(*p.State) == 0:
		r.ErrorCount = 0
	}
	if p.RetryPolicy != nil {
		r.RetryPolicy = p.RetryPolicy
	}
	if p.Enabled != nil {
		r.Enabled = *p.Enabled
	}
	c.tag(r)
	if p.StateAppend == nil {
		return nil
	}
	return c.append(r)
}

// tag merges the tags; an empty value removes its key.
func (c change) tag(r *record) {
	for k, v := range c.patch.Tags {
		if v == "" {
			delete(r.Tags, k)
			continue
		}
		if r.Tags == nil {
			r.Tags = map[string]string{}
		}
		r.Tags[k] = v
	}
}

// append adds the layer of state_append.
func (c change) append(r *record) error {
	if *c.patch.StateAppend == (AppendInput{}) {
		return fault.New(fault.Invalid, "state_append says nothing: expected clone_url, playbook and commit of the layer that ran")
	}
	layer, err := c.layer(StateInput(*c.patch.StateAppend))
	if err != nil {
		return err
	}
	if c.countErrors && c.reported(r.State, layer) {
		return nil
	}
	r.State = appendState(r.State, layer)
	switch {
	case c.countErrors && layer.Status == LayerFailed:
		r.ErrorCount++
	case c.countErrors && layer.Status == LayerApplied:
		r.ErrorCount = 0
	}
	return nil
}

// reported tells whether the state has this report already. A session runs a
// layer once, so it is the same if session, layer and end are; but not if the
// entry is from an earlier session of the name. A report that names no session
// is always new.
func (c change) reported(state []StateLayer, l StateLayer) bool {
	return l.SessionName != "" && slices.ContainsFunc(state, func(o StateLayer) bool {
		since := o.LastUpdated >= c.began
		o.LastUpdated = l.LastUpdated
		return o == l && since
	})
}

// layers is the state that replaces old; a layer that is in old already keeps
// its time.
func (c change) layers(in []StateInput, old []StateLayer) ([]StateLayer, error) {
	out := make([]StateLayer, len(in))
	for i := range in {
		l, err := c.layer(in[i])
		if err != nil {
			return nil, err
		}
		for _, o := range old {
			was := o.LastUpdated
			o.LastUpdated = l.LastUpdated
			if o == l {
				l.LastUpdated = was
			}
		}
		out[i] = l
	}
	return out, nil
}

// layer takes the status from the commit's suffix, if there is one.
func (c change) layer(in StateInput) (StateLayer, error) {
	l := StateLayer{CloneURL: in.CloneURL, Playbook: in.Playbook, Commit: in.Commit, Status: LayerStatus(in.Status),
		SessionName: in.SessionName, LastUpdated: timestamp(c.now)}
	if commit, suffix, found := strings.Cut(in.Commit, "_"); found {
		l.Commit, l.Status = commit, LayerStatus(suffix)
	}
	switch l.Status {
	case "":
		l.Status = LayerApplied
	case LayerApplied, LayerFailed, LayerSkipped, LayerIncomplete:
	default:
		return l, fault.Titled(fault.Invalid, "Error parsing the data provided.",
			"status of a state layer must be applied, failed, skipped or incomplete, not '%s'", l.Status)
	}
	return l, nil
}

// appendState puts l at the end, in place of an entry for the same repository
// and playbook at whatever commit: the last entry is always the newest event.
func appendState(state []StateLayer, l StateLayer) []StateLayer {
	state = slices.DeleteFunc(slices.Clone(state), func(o StateLayer) bool {
		return o.CloneURL == l.CloneURL && o.Playbook == l.Playbook
	})
	return append(state, l)
}
