package derive_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/drover-hpc/drover/internal/cli/derive"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// The shapes below mirror those of the published interfaces.

type nothing struct{}

type listInput struct {
	Status  string `query:"status" enum:"pending,running,complete"`
	Enabled string `query:"enabled" enum:"true,false"`
	MinAge  string `query:"min_age"`
	Page    int    `query:"page_size"`
	Tenant  string `header:"Cray-Tenant-Name"`
}

type named struct {
	ID string `path:"session_id"`
}

type session struct {
	Body struct {
		Operation    string `json:"operation" enum:"boot,reboot,shutdown"`
		TemplateName string `json:"template_name"`
		Name         string `json:"name,omitempty"`
		Tenant       string `json:"tenant,omitempty" readOnly:"true"`
		Stage        bool   `json:"stage,omitempty"`
		Target       *struct {
			Definition string `json:"definition,omitempty" default:"dynamic" enum:"dynamic,image"`
		} `json:"target,omitempty"`
	}
}

type component struct {
	ID   string `path:"component_id"`
	Body struct {
		Enabled *bool `json:"enabled,omitempty"`
		Retry   *int  `json:"retry_policy,omitempty"`
		Desired *struct {
			Artifacts *struct {
				KernelParameters string `json:"kernel_parameters,omitempty"`
			} `json:"boot_artifacts,omitempty"`
			Configuration string `json:"configuration,omitempty" default:"never-sent"`
		} `json:"desired_state,omitempty"`
	}
}

type bulkState struct {
	Body struct {
		ComponentIDs []string `json:"ComponentIDs"`
		State        string   `json:"State"`
		Force        bool     `json:"Force,omitempty"`
	}
}

type ethernet struct {
	Body struct {
		MACAddress  string `json:"MACAddress"`
		IPAddresses []struct {
			IPAddress string `json:"IPAddress"`
			Network   string `json:"Network,omitempty"`
		} `json:"IPAddresses,omitempty"`
	}
}

type member struct {
	Label string `path:"group_label"`
	Xname string `path:"xname_id"`
}

type nids struct {
	Body struct {
		NIDs []int `json:"NIDs"`
	}
}

func add[I any](api huma.API, method, path string, tags ...string) {
	id := strings.NewReplacer("/", "-", "{", "", "}", "").Replace(method + path)
	httpapi.Handle(api, huma.Operation{OperationID: id, Method: method, Path: path, Summary: id, Tags: tags},
		func(context.Context, *I) (*struct{}, error) { return nil, nil })
}

func document() *huma.OpenAPI {
	api := httpapi.New(http.NewServeMux(), "/apis/x", "x", "1")
	add[nothing](api, "GET", "/")
	add[nothing](api, "GET", "/v2")
	add[listInput](api, "GET", "/v2/sessions")
	add[session](api, "POST", "/v2/sessions")
	add[listInput](api, "DELETE", "/v2/sessions")
	add[named](api, "GET", "/v2/sessions/{session_id}")
	add[named](api, "DELETE", "/v2/sessions/{session_id}")
	add[named](api, "GET", "/v2/sessions/{session_id}/status")
	add[named](api, "POST", "/v2/sessions/{session_id}/status", "cli_ignore")
	add[nothing](api, "PUT", "/v2/components")
	add[component](api, "PUT", "/v2/components/{component_id}")
	add[component](api, "PATCH", "/v2/components/{component_id}")
	add[bulkState](api, "PATCH", "/v2/State/Components/BulkStateData")
	add[nothing](api, "DELETE", "/v2/State/Components", "cli_danger$Really?")
	add[ethernet](api, "POST", "/v2/Inventory/EthernetInterfaces")
	add[member](api, "DELETE", "/v2/groups/{group_label}/members/{xname_id}")
	add[nids](api, "POST", "/v2/caps")
	add[nothing](api, "GET", "/v3/sessions")
	return api.OpenAPI()
}

func commands() map[string]*derive.Command {
	out := map[string]*derive.Command{}
	for _, c := range derive.Resolve(derive.Operations(document(), derive.Rules{Prefix: "/v2"})) {
		out[c.Name()] = c
	}
	return out
}

func TestTree(t *testing.T) {
	var got []string
	for _, c := range derive.Resolve(derive.Operations(document(), derive.Rules{Prefix: "/v2"})) {
		line := c.Name()
		for _, a := range c.Args {
			line += " <" + a.Name + ">"
		}
		line += ": " + c.Method
		for _, o := range c.Options {
			line += " --" + o.Name
			if o.Required {
				line += "*"
			}
			if o.Default != "" {
				line += "=" + o.Default
			}
			line += map[derive.Kind]string{derive.Bool: "(B)", derive.Integer: "(N)"}[o.Kind]
			if o.List || o.Objects > 0 {
				line += "(L)"
			}
		}
		if c.Danger != "" {
			line += " ! " + c.Danger
		}
		got = append(got, line)
	}
	want := []string{
		"caps create: POST --nids*(N)(L)",
		"components update <component_id>: PATCH --desired-state-boot-artifacts-kernel-parameters --desired-state-configuration --enabled(B) --retry-policy(N)",
		"groups members delete <xname_id> <group_label>: DELETE",
		"inventory ethernetInterfaces create: POST --mac-address* --ip-addresses--ip-address(L) --ip-addresses--network(L)",
		"list: GET",
		"sessions create: POST --operation* --template-name* --name --stage(B) --target-definition=dynamic",
		"sessions delete <session_id>: DELETE",
		"sessions describe <session_id>: GET",
		"sessions list: GET --enabled(B) --min-age --page-size(N) --status",
		"sessions status list <session_id>: GET",
		"state components bulkStateData update: PATCH --component-ids*(L) --state* --force(B)",
		"state components delete: DELETE ! Really?",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestModuleVerbs(t *testing.T) {
	rules := derive.Rules{Prefix: "/v2", Verbs: map[string]string{"PUT": "replace", "DELETE collection": "clear"}}
	var names []string
	for _, c := range derive.Resolve(derive.Operations(document(), rules)) {
		names = append(names, c.Name())
	}
	for _, want := range []string{"components replace", "components update", "sessions clear", "sessions delete", "state components clear"} {
		if !slices.Contains(names, want) {
			t.Errorf("no %q among %q", want, names)
		}
	}
}

func TestUnversioned(t *testing.T) {
	list := derive.Operations(document(), derive.Rules{Except: []string{"/v2", "/v3"}})
	if len(list) != 1 || list[0].Route != "/" {
		t.Errorf("%d operations outside the versions, want only /", len(list))
	}
}

func values(pairs ...string) map[string][]string {
	out := map[string][]string{}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = append(out[pairs[i]], pairs[i+1])
	}
	return out
}

func TestRequest(t *testing.T) {
	for _, c := range []struct {
		command string
		args    []string
		values  map[string][]string
		want    string
	}{
		{"sessions create", nil, values("operation", "boot", "template-name", "t", "stage", "Yes"),
			`POST /v2/sessions {"operation":"boot","stage":true,"template_name":"t"}`},
		{"sessions list", nil, values("min-age", "1d", "enabled", "f", "page-size", "3"),
			`GET /v2/sessions?enabled=false&min_age=1d&page_size=3`},
		{"groups members delete", []string{"x1", "a/b"}, nil, `DELETE /v2/groups/a%2Fb/members/x1`},
		{"components update", []string{"x1"}, nil, `PATCH /v2/components/x1`},
		{"components update", []string{"x1"}, values("desired-state-boot-artifacts-kernel-parameters", "quiet", "retry-policy", "2"),
			`PATCH /v2/components/x1 {"desired_state":{"boot_artifacts":{"kernel_parameters":"quiet"}},"retry_policy":2}`},
		{"state components bulkStateData update", nil, values("component-ids", "x[0-1,3]c0,x9", "state", "On"),
			`PATCH /v2/State/Components/BulkStateData {"ComponentIDs":["x0c0","x1c0","x3c0","x9"],"State":"On"}`},
		{"caps create", nil, values("nids", "[1-3,7]"), `POST /v2/caps {"NIDs":[1,2,3,7]}`},
		{"inventory ethernetInterfaces create", nil,
			values("mac-address", "aa", "ip-addresses--ip-address", "10.0.0.1,10.0.0.2", "ip-addresses--network", "hsn,nmn"),
			`POST /v2/Inventory/EthernetInterfaces {"IPAddresses":[{"IPAddress":"10.0.0.1","Network":"hsn"},{"IPAddress":"10.0.0.2","Network":"nmn"}],"MACAddress":"aa"}`},
	} {
		r, err := commands()[c.command].Request(&derive.Input{Command: commands()[c.command], Args: c.args, Values: c.values})
		if err != nil {
			t.Errorf("%s %v: %v", c.command, c.values, err)
			continue
		}
		got := r.Method + " " + r.Path
		if len(r.Query) > 0 {
			got += "?" + r.Query.Encode()
		}
		if r.Body != nil {
			body, _ := json.Marshal(r.Body)
			got += " " + string(body)
		}
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.command, got, c.want)
		}
	}
}

func TestMistakes(t *testing.T) {
	for want, c := range map[string]struct {
		command string
		args    []string
		values  map[string][]string
	}{
		"Invalid value for 'SESSION_ID': expected a name, got ''.":                                 {"sessions describe", []string{""}, nil},
		"Missing argument 'SESSION_ID'.":                                                           {"sessions describe", nil, nil},
		"Got unexpected extra argument (b c)":                                                      {"sessions describe", []string{"a", "b", "c"}, nil},
		"Missing option '--template-name'.":                                                        {"sessions create", nil, values("operation", "boot")},
		"Missing option '--operation'. Choose from:\n\tboot,\n\treboot,\n\tshutdown":               {"sessions create", nil, nil},
		"Invalid value for '--operation': invalid choice: X. (choose from boot, reboot, shutdown)": {"sessions create", nil, values("operation", "X", "template-name", "t")},
		"Invalid value for '--retry-policy': 'many' is not a valid integer.":                       {"components update", []string{"x"}, values("retry-policy", "many")},
		"Invalid value for '--enabled': 'perhaps' is not a valid boolean.":                         {"sessions list", nil, values("enabled", "perhaps")},
		"Missing value for option '--ip-addresses--network': 2 objects are described, it has 1.":   {"inventory ethernetInterfaces create", nil, values("mac-address", "a", "ip-addresses--ip-address", "1,2", "ip-addresses--network", "n")},
		`Invalid value for '--nids': name list "[3-1]": "3-1" is no number or ascending range.`:    {"caps create", nil, values("nids", "[3-1]")},
		`Invalid value for '--nids': 'x' is not a valid integer.`:                                  {"caps create", nil, values("nids", "1,x")},
	} {
		cmd := commands()[c.command]
		_, err := cmd.Request(&derive.Input{Command: cmd, Args: c.args, Values: c.values})
		var usage *derive.UsageError
		if !errors.As(err, &usage) || usage.Message != want {
			t.Errorf("%s %v %v:\n got %v\nwant %s", c.command, c.args, c.values, err, want)
		}
	}
}

func TestPathTwiceEncoded(t *testing.T) {
	c := &derive.Command{Route: "/v3/sources/{id}", Args: []derive.Argument{{Name: "id", Twice: true}}}
	if got, want := c.Path([]string{"https://a/b"}), "/v3/sources/https:%252F%252Fa%252Fb"; got != want {
		t.Errorf("path %s, want %s", got, want)
	}
}

func TestDotsInArgumentsAreNames(t *testing.T) {
	for twice, want := range map[bool]string{false: "/groups/%2E%2E/members/%2E", true: "/groups/%252E%252E/members/%2E"} {
		c := derive.Command{Route: "/groups/{label}/members/{id}", Args: []derive.Argument{{Name: "id"}, {Name: "label", Twice: twice}}}
		if got := c.Path([]string{".", ".."}); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
