package cfs

// Assessment is a component measured against its desired configuration.
type Assessment struct {
	Component
	// Generation counts how often the whole state was replaced: a node that
	// booted since has another one.
	Generation int64
	// Layers are those of the desired configuration, sources resolved and the
	// default playbook filled in. Statuses has one entry for each.
	Layers   []JobLayer
	Statuses []ConfigurationStatus
}

// rank orders the statuses: a component has the lowest one of its layers.
var rank = map[ConfigurationStatus]int{Unconfigured: 0, Failed: 1, Pending: 2, Configured: 3}

// capped tells whether the component failed as often as it may. defaultPolicy
// counts when it has no policy of its own.
func capped(c *Component, defaultPolicy int) bool {
	policy := c.RetryLimit(defaultPolicy)
	return policy != -1 && c.ErrorCount >= policy
}

// RetryLimit is how often the component may fail; -1 is without end.
func (c *Component) RetryLimit(defaultPolicy int) int {
	if c.RetryPolicy != nil {
		return *c.RetryPolicy
	}
	return defaultPolicy
}

// assess returns the component's status and that of each layer of its desired
// configuration; known is false if there is no such configuration.
func assess(c *Component, layers []JobLayer, known bool, defaultPolicy int) (ConfigurationStatus, []ConfigurationStatus) {
	if c.DesiredConfig == "" || !known {
		if len(c.State) == 0 {
			return Unconfigured, nil
		}
		return Configured, nil
	}
	limit := capped(c, defaultPolicy)
	status, each := Configured, make([]ConfigurationStatus, len(layers))
	for i, l := range layers {
		each[i] = assessLayer(c.State, l, limit)
		if rank[each[i]] < rank[status] {
			status = each[i]
		}
	}
	if status == Pending && limit {
		status = Failed
	}
	return status, each
}

func assessLayer(state []StateLayer, l JobLayer, capped bool) ConfigurationStatus {
	if l.Commit == "" || l.CloneURL == "" || l.Playbook == "" {
		return Unconfigured // nothing to compare with
	}
	for _, s := range state {
		if s.CloneURL != l.CloneURL || s.Playbook != l.Playbook || s.Commit != l.Commit {
			continue
		}
		switch {
		case s.Status == LayerFailed && capped:
			return Failed
		case s.Status == LayerFailed, s.Status == LayerIncomplete:
			return Pending
		}
		return Configured
	}
	return Pending
}
