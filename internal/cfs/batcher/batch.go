package batcher

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
)

// Batch is a session made for some components: the promise that none of them
// gets another one before this ends. It is stored with the session.
type Batch struct {
	Session string    `json:"session"`
	Config  string    `json:"config"`
	Sent    time.Time `json:"sent"`
	Members []Member  `json:"members"`
}

// Member is a component as it was when its batch was sent.
type Member struct {
	ID string `json:"id"`
	// Generation tells whether the state was replaced since, as a booting node
	// does.
	Generation int64 `json:"generation"`
	// Layers are the commits and playbooks desired then.
	Layers []layerID `json:"layers"`
}

type layerID struct {
	Commit   string `json:"commit"`
	Playbook string `json:"playbook"`
}

func layerIDs(layers []cfs.JobLayer) []layerID {
	out := make([]layerID, len(layers))
	for i, l := range layers {
		out[i] = layerID{l.Commit, l.Playbook}
	}
	return out
}

// group is what the members of one session have in common: what is to run, and
// how their last run ended, so that nodes that failed, were interrupted or
// succeeded never share a session.
type group struct {
	config, limit string
	latest        cfs.LayerStatus
}

func groupOf(a *cfs.Assessment) group {
	var pending []string
	for i, status := range a.Statuses {
		if status == cfs.Pending {
			pending = append(pending, strconv.Itoa(a.Layers[i].Index))
		}
	}
	g := group{config: a.DesiredConfig, limit: strings.Join(pending, ",")}
	if n := len(a.State); n > 0 {
		g.latest = a.State[n-1].Status
	}
	return g
}

// open is a batch that is not sent yet.
type open struct {
	group   group
	opened  time.Time // when its first member came
	joined  time.Time // when its last member came
	members map[string]cfs.Assessment
}

// due is when the batch goes out, and what it waits for until then: at once if
// full, when nobody joined for the quiet time and there is capacity, and after
// the window in any case.
func (b *open) due(size int, window, quiet time.Duration, room room) (time.Time, string) {
	last := b.opened.Add(window)
	early := b.joined.Add(quiet)
	switch {
	case len(b.members) >= size:
		return b.joined, "its batch is full; its session is about to be made"
	case !room.capacity():
		return last, fmt.Sprintf("%d sessions are open, as many as run at a time; its batch waits for more components (option batch_window, %s)", room.active, window)
	case early.Before(last):
		return early, fmt.Sprintf("its batch waits until nobody has joined it for %s", quiet)
	}
	return last, fmt.Sprintf("its batch waits for more components (option batch_window, %s)", window)
}

// request is the session that the batch asks for, and the record of it.
func (b *open) request(name string, now time.Time) (cfs.NewSession, Batch) {
	ids := slices.Sorted(maps.Keys(b.members))
	batch := Batch{Session: name, Config: b.group.config, Sent: now}
	var tags map[string]string
	for i, id := range ids {
		m := b.members[id]
		batch.Members = append(batch.Members, Member{ID: id, Generation: m.Generation, Layers: layerIDs(m.Layers)})
		if i == 0 {
			tags = maps.Clone(m.Tags)
		}
		maps.DeleteFunc(tags, func(k, v string) bool { other, has := m.Tags[k]; return !has || other != v })
	}
	limit, none := strings.Join(ids, ","), ""
	return cfs.NewSession{Name: name, ConfigurationName: b.group.config, ConfigurationLimit: b.group.limit,
		AnsibleLimit: &limit, AnsiblePassthrough: &none, Target: cfs.Target{Definition: cfs.TargetDynamic}, Tags: tags}, batch
}
