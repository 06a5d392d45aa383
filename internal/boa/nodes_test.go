package boa

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/bootset"
	"github.com/drover-hpc/drover/internal/bos/v1"
)

// place is an inventory of two compute nodes, one of them in a group.
type place struct{}

func (place) Nodes(context.Context, []string) ([]Node, error) {
	return []Node{{ID: "x1c0s0b0n0", Role: "Compute", Enabled: true}, {ID: "x1c0s1b0n0", Role: "Compute", Enabled: true}}, nil
}

func (place) Groups(context.Context) (map[string][]string, error) {
	return map[string][]string{"blue": {"x1c0s0b0n0"}, "empty": nil}, nil
}

func (place) Partitions(context.Context) (map[string][]string, error) { return nil, nil }

// kept is the status as the agent told it.
type kept struct {
	Status
	set   v1.BootSetStatus
	times v1.Times
}

func (k *kept) TellTimes(_ context.Context, _ string, t v1.Times) error {
	k.times = t
	return nil
}

func (k *kept) CreateBootSet(_ context.Context, b v1.BootSetStatus) (v1.BootSetStatus, error) {
	k.set = b
	return b, nil
}

func (k *kept) UpdateBootSet(_ context.Context, _, _ string, updates []v1.Update) error {
	for _, u := range updates {
		if err := k.set.Apply(u); err != nil {
			return err
		}
	}
	return nil
}

func TestSessionWithoutNodesSaysWhy(t *testing.T) {
	for want, c := range map[string]struct {
		set   bootset.BootSet
		limit string
	}{
		"no node is in the boot set: the limit 'x9' leaves none of the 2 that it names": {bootset.BootSet{NodeRolesGroups: []string{"Compute"}}, "x9"},
		"no node is in the boot set: HSM has none of group red, role Storage":           {bootset.BootSet{NodeGroups: []string{"red"}, NodeRolesGroups: []string{"Storage"}}, ""},
		"no node is in the boot set: the groups and roles that it names are empty":      {bootset.BootSet{NodeGroups: []string{"empty"}}, ""},
	} {
		var log bytes.Buffer
		k := &kept{}
		order := v1.Order{Session: "s", Operation: v1.Reboot, Limit: c.limit, Template: bos.Template{Name: "t", BootSets: bos.BootSets{{Name: "b", BootSet: c.set}}}}
		a := &Agent{Order: order, Inventory: place{}, Status: k, Now: func() time.Time { return time.Unix(0, 0) }, Out: &log}
		if err := a.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if nodes, is := k.set.Phases[0].Errors[want]; !is || len(nodes) != 0 || k.set.Progress().Errors != 1 || k.times.Stop == "" {
			t.Errorf("expected %q, told %+v, times %+v", want, k.set, k.times)
		}
		if !strings.Contains(log.String(), "boot set b: "+want+"\n") {
			t.Errorf("the log does not say %q:\n%s", want, log.String())
		}
	}
	k := &kept{}
	a := &Agent{Order: v1.Order{Session: "s", Operation: v1.Shutdown}, Inventory: place{}, Status: k, Now: func() time.Time { return time.Unix(0, 0) }, Out: &bytes.Buffer{}}
	got, err := a.choose(t.Context(), &bootset.BootSet{NodeGroups: []string{"blue", "red"}})
	if err != nil || got.none != "" || !slices.Equal(got.nodes, []string{"x1c0s0b0n0"}) {
		t.Errorf("%+v, %v", got, err)
	}
}
