package hwsync_test

import (
	"context"
	"net/url"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/cfs/hwsync"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

type inventory struct {
	mu    sync.Mutex
	nodes []hsm.Component
	reads int
	asked []string // for which ids, the last time
}

func (i *inventory) Components(_ context.Context, query url.Values) ([]hsm.Component, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.reads++
	i.asked = nil
	return i.nodes, nil
}

func (i *inventory) Query(_ context.Context, q hsm.ComponentQuery) ([]hsm.Component, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.reads++
	i.asked = q.ComponentIDs
	var out []hsm.Component
	for _, n := range i.nodes {
		if slices.Contains(q.ComponentIDs, n.ID) {
			out = append(out, n)
		}
	}
	return out, nil
}

func (i *inventory) add(ids ...string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, id := range ids {
		i.nodes = append(i.nodes, hsm.Component{ID: id, Type: "Node"})
	}
}

func (i *inventory) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.reads
}

func TestNewNodesBecomeComponents(t *testing.T) {
	hub := events.NewHub()
	db, err := store.Open(t.Context(), storetest.Migrated(t), hub.Changed)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	service := cfs.NewService(cfs.Config{DB: db, Journal: journal.New(db, time.Now), Hub: hub})
	nodes := &inventory{}
	nodes.add("x0", "x1", "")
	hour := 3600
	if _, err := service.PatchOptions(t.Context(), cfs.OptionsPatch{HardwareSyncInterval: &hour}); err != nil {
		t.Fatal(err)
	}
	agent := hwsync.New(hwsync.Config{HSM: nodes, Components: service, Hub: hub, Tables: []string{"hsm_components"}})
	agent.Start(t.Context())
	defer agent.Stop()
	<-agent.Started()
	components := func() []cfs.Component {
		found, _, err := service.Components(t.Context(), cfs.ComponentFilter{}, cfs.ComponentDetails{}, cfs.Page{})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if got := components(); len(got) != 2 || !got[0].Enabled || got[0].Status != cfs.Unconfigured {
		t.Fatalf("%+v", got)
	}
	reads := nodes.count()
	hub.Changed("hsm_components", []string{"x0"}) // no news
	nodes.add("x2")
	hub.Changed("hsm_components", []string{"x2"})
	deadline := time.Now().Add(20 * time.Second)
	for len(components()) != 3 {
		if time.Now().After(deadline) {
			t.Fatal("x2 did not become a component")
		}
		<-time.After(time.Millisecond)
	}
	if got := nodes.count() - reads; got != 1 {
		t.Errorf("HSM was read %d times for one new node", got)
	}
}

// Where hints tell of new nodes HSM is hardly read as a whole, however short
// hardware_sync_interval is; elsewhere as often as that says.
func TestHSMIsReadAsAWholeAsOftenAsItMust(t *testing.T) {
	for name, c := range map[string]struct {
		tables      []string
		least, most int
	}{
		"hinted":    {[]string{"hsm_components"}, 6, 6},
		"elsewhere": {nil, 360, 360},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := events.NewHub()
				nodes, components := &inventory{}, &created{}
				nodes.add("x0")
				agent := hwsync.New(hwsync.Config{HSM: nodes, Components: components, Hub: hub, Tables: c.tables})
				agent.Start(t.Context())
				defer agent.Stop()
				<-agent.Started()
				before := nodes.count()
				time.Sleep(time.Hour + time.Second)
				synctest.Wait()
				if got := nodes.count() - before; got < c.least || got > c.most {
					t.Errorf("read %d times in an hour", got)
				}
				if c.tables == nil {
					return
				}
				before = nodes.count()
				nodes.add("x1")
				nodes.add("x2")
				hub.Changed("hsm_components", []string{"x0", "x1", "x0c0b0", "x2"})
				synctest.Wait()
				hub.Changed("hsm_components", []string{"x0", "x1", "x0c0b0"})
				synctest.Wait()
				if got := nodes.count() - before; got != 1 || !slices.Equal(nodes.asked, []string{"x0c0b0", "x1", "x2"}) || !slices.Equal(components.ids, []string{"x1", "x2"}) {
					t.Errorf("read %d times, for %v", got, nodes.asked)
				}
			})
		})
	}
}

// created keeps the last components that were to be made.
type created struct{ ids []string }

func (c *created) CreateComponents(_ context.Context, ids []string) (int, error) {
	c.ids = ids
	return len(ids), nil
}

func (*created) Options(context.Context) (cfs.Options, error) { return cfs.DefaultOptions(), nil }
