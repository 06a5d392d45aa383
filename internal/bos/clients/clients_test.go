package clients_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/clients"
	"github.com/drover-hpc/drover/internal/bss"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/ims"
	"github.com/drover-hpc/drover/internal/pcs"
	"github.com/drover-hpc/drover/internal/tapms"
)

func TestInventory(t *testing.T) {
	s := start(t)
	const prefix = "/apis/smd/hsm/v2"
	s.send("POST", prefix, "/State/Components", map[string]any{"Components": []map[string]any{
		{"ID": n0, "State": "On", "Role": "Compute", "Arch": "X86", "Enabled": true},
		{"ID": n1, "State": "Off", "Role": "Management", "SubRole": "Worker", "Arch": "ARM", "Enabled": false},
		{"ID": "x1c0s0b0", "State": "Ready", "Enabled": true}}}, nil)
	s.send("POST", prefix, "/groups", map[string]any{"label": "blue", "members": map[string]any{"ids": []string{n0}}}, nil)
	s.send("POST", prefix, "/partitions", map[string]any{"name": "p1", "members": map[string]any{"ids": []string{n1}}}, nil)
	s.send("POST", prefix, "/locks/lock", map[string]any{"ComponentIDs": []string{n1}}, nil)
	inventory, ctx := clients.Inventory(hsm.NewClient(s.client(prefix))), t.Context()

	first := bos.Node{ID: n0, Role: "Compute", Arch: "X86", Enabled: true}
	second := bos.Node{ID: n1, Role: "Management", SubRole: "Worker", Arch: "ARM"}
	for name, c := range map[string]struct {
		ids  []string
		want []bos.Node
	}{
		"all, and nodes only":  {nil, []bos.Node{first, second}},
		"none is none":         {[]string{}, []bos.Node{}},
		"unknown are left out": {[]string{n1, n2, "x1c0s0b0"}, []bos.Node{second}},
	} {
		got, err := inventory.Nodes(ctx, c.ids)
		slices.SortFunc(got, func(a, b bos.Node) int { return strings.Compare(a.ID, b.ID) })
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
	groups, err := inventory.Groups(ctx)
	if diff := cmp.Diff(map[string][]string{"blue": {n0}}, groups); err != nil || diff != "" {
		t.Errorf("groups: %v %s", err, diff)
	}
	partitions, err := inventory.Partitions(ctx)
	if diff := cmp.Diff(map[string][]string{"p1": {n1}}, partitions); err != nil || diff != "" {
		t.Errorf("partitions: %v %s", err, diff)
	}
	if locked, err := inventory.Locked(ctx); err != nil || !slices.Equal(locked, []string{n1}) {
		t.Errorf("locked %v, %v", locked, err)
	}
}

func TestPowerOfNodesWhoseBMCIsSilentSaysSo(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/power-status", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"status": [{"xname": "a", "powerState": "undefined", "managementState": "unavailable"}, {"xname": "b", "powerState": "undefined", "managementState": "available"},
			{"xname": "c", "powerState": "undefined", "managementState": "unavailable", "error": "no such BMC"}, {"xname": "d", "powerState": "on", "managementState": "unavailable"}]}`)
	})
	list, err := clients.Power(pcs.NewClient(httpapi.NewClient("PCS", "http://pcs", httpapi.Local(mux)))).Status(t.Context(), []string{"a", "b", "c", "d"})
	if got := fmt.Sprint(list); err != nil || got != "[{a undefined its BMC does not answer} {b undefined } {c undefined no such BMC} {d on }]" {
		t.Errorf("%s %v", got, err)
	}
}

func TestPower(t *testing.T) {
	s := start(t)
	power, ctx := clients.Power(pcs.NewClient(s.client("/apis/power-control"))), t.Context()
	status := func() map[string]string {
		list, err := power.Status(ctx, []string{n0, n1, n2})
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		for _, p := range list {
			out[p.Node] = p.State + p.Error
		}
		return out
	}
	eventually(t, "PCS has looked", func() bool { got := status(); return got[n0] == "off" && got[n1] == "on" })
	if got := status()[n2]; got != "Component not found in component map." {
		t.Errorf("a node that PCS does not know is %q", got)
	}
	if none, err := power.Status(ctx, nil); err != nil || len(none) != 0 {
		t.Errorf("the status of no nodes is that of %d, %v", len(none), err)
	}
	before := time.Now().Add(-time.Second)
	id, err := power.Transition(ctx, "On", []string{n0, n2}, 1)
	if err != nil {
		t.Fatal(err)
	}
	refused, err := power.Transition(ctx, "Force-Off", []string{n1}, 1)
	if err != nil {
		t.Fatal(err)
	}
	tasks := func(id string) map[string]bos.Task {
		out := map[string]bos.Task{}
		eventually(t, "transition is done", func() bool {
			d, err := power.Describe(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			for _, task := range d.Tasks {
				out[task.Node] = task
			}
			return d.Done
		})
		return out
	}
	on, off := tasks(id), tasks(refused)
	if a := on[n0]; !a.Done || a.Answer != bos.AnswerAccepted {
		t.Errorf("powered on: %+v", a)
	}
	eventually(t, "the status says on", func() bool { return status()[n0] == "on" })
	if a := on[n2]; !a.Done || a.Answer != bos.AnswerLater || a.Text != "Missing xname" {
		t.Errorf("a node that is not there: %+v", a)
	}
	if a := off[n1]; !a.Done || a.Answer != bos.AnswerRefused || !strings.Contains(a.Text, "the fan tray is open") {
		t.Errorf("refused: %+v", a)
	}
	if all, err := power.Since(ctx, "on", before); err != nil || len(all) != 1 || all[0].ID != id || !all[0].Done {
		t.Errorf("since then: %v, %v", all, err)
	}
	if all, err := power.Since(ctx, "On", time.Now().Add(time.Hour)); err != nil || len(all) != 0 {
		t.Errorf("since later: %v, %v", all, err)
	}
	const nothing = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
	if _, err := power.Describe(ctx, nothing); !fault.Is(err, fault.NotFound) {
		t.Errorf("an unknown transition: %v", err)
	}
}

func TestBootParameters(t *testing.T) {
	s := start(t)
	client := bss.NewClient(s.client("/apis/bss"))
	port := clients.BootParameters(client)
	first, err := port.Put(t.Context(), []string{n0, n1}, bos.BootArtifacts{Kernel: "s3://b/k", KernelParameters: "a=b", Initrd: "s3://b/i"})
	if err != nil || first == "" {
		t.Fatalf("token %q, %v", first, err)
	}
	if second, err := port.Put(t.Context(), []string{n0}, bos.BootArtifacts{Kernel: "s3://b/k2"}); err != nil || second == first {
		t.Errorf("a second token %q like the first, %v", second, err)
	}
	kept, err := client.BootParameters(t.Context(), []string{n1})
	if err != nil || len(kept) != 1 || kept[0].Kernel != "s3://b/k" || kept[0].Params != "a=b" || kept[0].Initrd != "s3://b/i" {
		t.Errorf("kept %+v, %v", kept, err)
	}
}

func TestConfigurations(t *testing.T) {
	s := start(t)
	const prefix = "/apis/cfs"
	port := clients.Configurations(s.client(prefix))
	s.send(http.MethodPut, prefix, "/v3/configurations/c", map[string]any{"layers": []map[string]any{
		{"clone_url": "https://git/r.git", "commit": strings.Repeat("a", 40), "playbook": "site.yml"}}}, nil)
	// More than one page, one GET by IDs and one PATCH by filter have room for.
	var all []map[string]any
	var ids []string
	for i := range 1200 {
		id := fmt.Sprintf("x%dc0s0b0n0", i)
		all, ids = append(all, map[string]any{"id": id, "enabled": false}), append(ids, id)
	}
	s.send(http.MethodPut, prefix, "/v3/components", all, nil)
	if err := port.Patch(t.Context(), ids, json.RawMessage(`{"desired_config":"c","enabled":true,"tags":{"bos_session":"s"}}`)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		asked []string
		found int
	}{
		"some, one of them unknown": {[]string{ids[7], "x9999c0s0b0n0"}, 1},
		"by ID, in several calls":   {ids, len(ids)},
		"rather all":                {append(slices.Clone(ids), make([]string, 1000)...), len(ids)},
	} {
		got, err := port.Components(t.Context(), c.asked)
		if err != nil || len(got) != c.found {
			t.Errorf("%s: %d components, %v; want %d", name, len(got), err, c.found)
		}
		for _, c := range got {
			if want := (bos.Configuration{Node: c.Node, Desired: "c", Status: "pending", Enabled: true}); c != want {
				t.Errorf("%s: %+v", name, c)
			}
		}
	}
	if err := port.Patch(t.Context(), []string{"x9999c0s0b0n0"}, json.RawMessage(`{"wrong":true}`)); !httpapi.IsStatus(err, http.StatusBadRequest) {
		t.Errorf("a bad patch: %v", err)
	}
}

func TestImages(t *testing.T) {
	s := start(t)
	client := ims.NewClient(s.client("/apis/ims"))
	port := clients.Images(client)
	image, err := client.CreateImage(t.Context(), ims.NewImage{Name: "i", Arch: "aarch64"})
	if err != nil {
		t.Fatal(err)
	}
	if arch, err := port.Arch(t.Context(), image.ID); err != nil || arch != "aarch64" {
		t.Errorf("arch %q, %v", arch, err)
	}
	if err := port.Project(t.Context(), image.ID); err != nil {
		t.Fatal(err)
	}
	if got, err := client.Image(t.Context(), image.ID); err != nil || got.Metadata["sbps-project"] != "true" {
		t.Errorf("projected: %v, %v", got.Metadata, err)
	}
	const nothing = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
	if _, err := port.Arch(t.Context(), nothing); !fault.Is(err, fault.NotFound) {
		t.Errorf("an unknown image: %v", err)
	}
	if err := port.Project(t.Context(), nothing); !fault.Is(err, fault.NotFound) {
		t.Errorf("an unknown image is projected: %v", err)
	}
}

func TestTenants(t *testing.T) {
	s := start(t)
	port := clients.Tenants(tapms.NewClient(s.client("/apis/tapms")))
	s.send(http.MethodPut, "/apis/tapms", "/v1alpha3/tenants/blue", map[string]any{"spec": map[string]any{"tenantname": "blue",
		"tenantresources": []map[string]any{{"type": "compute", "xnames": []string{n0}}, {"type": "application", "xnames": []string{n2}}}}}, nil)
	if nodes, err := port.Nodes(t.Context(), "blue"); err != nil || !slices.Equal(nodes, []string{n0, n2}) {
		t.Errorf("nodes %v, %v", nodes, err)
	}
	if _, err := port.Nodes(t.Context(), "red"); !fault.Is(err, fault.NotFound) {
		t.Errorf("an unknown tenant: %v", err)
	}
}
