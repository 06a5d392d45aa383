package selection

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/bootset"
)

// site is an HSM that counts how often it is asked for all nodes, and for some.
type site struct {
	nodes       []bos.Node
	asked, some int
}

func (s *site) Nodes(_ context.Context, ids []string) (out []bos.Node, _ error) {
	if ids == nil {
		s.asked++
		return s.nodes, nil
	}
	s.some++
	for _, n := range s.nodes {
		if slices.Contains(ids, n.ID) {
			out = append(out, n)
		}
	}
	return out, nil
}

func (*site) Groups(context.Context) (map[string][]string, error) {
	return map[string][]string{"blue": {"x1c0s0b0n0", "x1c0s1b0n0", "x1c0s2b0n0"}}, nil
}

func (*site) Partitions(context.Context) (map[string][]string, error) {
	return map[string][]string{}, nil
}

func (*site) Locked(context.Context) ([]string, error) { return []string{"x1c0s1b0n0"}, nil }

type template bos.Template

func (t template) Template(context.Context, string, string) (bos.Template, error) {
	return bos.Template(t), nil
}

func (template) OwnedNodes(context.Context, string) (map[string]bool, error) { return nil, nil }

func selectFrom(t *rapid.T, hsm *site, set bootset.BootSet, limit string) Selection {
	s := Selector{Templates: template{BootSets: bos.BootSets{{Name: "set", BootSet: set}}}, Inventory: NewInventory(hsm), Log: slog.New(slog.DiscardHandler)}
	got, err := s.Select(t.Context(), &bos.Session{Operation: bos.OperationShutdown, Limit: limit})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// A limit that names nodes selects what any other that means the same does, without a look at all
// nodes of HSM.
func TestLimitOfNodesLooksAtThemAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		some := func(of ...string) []string {
			return rapid.SliceOfDistinct(rapid.SampledFrom(of), rapid.ID[string]).Draw(t, "some")
		}
		ids := []string{"x1c0s0b0n0", "x1c0s1b0n0", "x1c0s2b0n0", "x1c0s3b0n0", "x1c0s4b0n0"}
		hsm := &site{}
		for _, id := range some(ids...) {
			hsm.nodes = append(hsm.nodes, bos.Node{ID: id, Role: rapid.SampledFrom([]string{"Compute", "Application", ""}).Draw(t, "role"),
				SubRole: rapid.SampledFrom([]string{"UAN", ""}).Draw(t, "subrole"), Arch: "X86", Enabled: rapid.Bool().Draw(t, "enabled")})
		}
		set := bootset.BootSet{Arch: "X86", NodeList: some(ids...), NodeGroups: some("blue", "none"), NodeRolesGroups: some("Compute", "Application_UAN", "Other")}
		limit := strings.Join(append(some(ids...), rapid.SampledFrom(ids).Draw(t, "one")), ",")

		got := selectFrom(t, hsm, set, limit)
		if hsm.asked > 0 {
			t.Errorf("HSM was asked for all nodes for the limit %s", limit)
		}
		if hsm.some > 2 { // their roles, and what they are
			t.Errorf("HSM was asked for nodes %d times for the limit %s", hsm.some, limit)
		}
		const void = "x9c0s0b0n0"
		want := selectFrom(t, hsm, set, limit+",!"+void)
		want.LeftOut = slices.DeleteFunc(want.LeftOut, func(n bos.LeftOut) bool { return n.Name == void })
		if diff := cmp.Diff(want.Targets, got.Targets); diff != "" {
			t.Error(diff)
		}
		if !slices.Equal(want.LeftOut, got.LeftOut) {
			t.Errorf("%v, want %v", got.LeftOut, want.LeftOut)
		}
	})
}
