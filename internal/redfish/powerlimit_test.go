package redfish_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/drover-hpc/drover/internal/redfish"
)

// limited is a BMC with power limits, which records what is asked to change.
type limited struct {
	bmc
	refuse map[string]int // by path, the status of a PATCH

	mu      sync.Mutex
	patches []string
}

func (l *limited) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPatch {
		l.bmc.ServeHTTP(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.patches = append(l.patches, r.URL.Path+" "+string(body))
	if status := l.refuse[r.URL.Path]; status != 0 {
		w.WriteHeader(status)
		io.WriteString(w, `{"error":{"@Message.ExtendedInfo":[{"Message":"the supply is in use"}]}}`)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// refs writes @odata.id references.
func refs(paths ...string) string {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = fmt.Sprintf(`{"@odata.id":%q}`, p)
	}
	return "[" + strings.Join(out, ",") + "]"
}

const (
	s1, s2 = "/redfish/v1/Systems/1", "/redfish/v1/Systems/2"
	box    = "/redfish/v1/Chassis/Box"
)

// node is the system in a chassis that has the resource of limits.
func node(chassis string, systems []string, has string, more bmc) bmc {
	name, _, _ := strings.Cut(has, "/")
	b := bmc{s1: `{"Id":"1","Links":{"Chassis":` + refs(chassis) + `}}`,
		chassis: fmt.Sprintf(`{"Id":"c","Links":{"ComputerSystems":%s},%q:{"@odata.id":"%s/%s"}}`, refs(systems...), name, chassis, has)}
	for path, text := range more {
		b[path] = text
	}
	return b
}

// The forms in which BMCs have limits, what is read of each, and what is sent
// for 500 W and for none.
func TestPowerLimitsOfEachForm(t *testing.T) {
	one := []string{s1}
	for name, tt := range map[string]struct {
		tree      bmc
		want      []string
		set, free string
	}{
		"Power": {node(box, one, "Power", bmc{box + "/Power": `{"PowerControl":[{"Name":"Server Power Control","PowerCapacityWatts":800,"PowerLimit":{"LimitInWatts":null}}]}`}),
			[]string{"Server Power Control true 0 0-800"},
			`/Power {"PowerControl":[{"PowerLimit":{"LimitInWatts":500}}]}`, `/Power {"PowerControl":[{"PowerLimit":{"LimitInWatts":null}}]}`},
		"Power with the maker's range, in the second place": {node(box, []string{s1, s2}, "Power", bmc{box + "/Power": `{"PowerControl":[
				{"PowerLimit":{"LimitInWatts":5},"RelatedItem":` + refs(s2) + `},
				{"PowerLimit":{"LimitInWatts":410.4},"RelatedItem":` + refs(s1) + `,"Oem":{"Cray":{"PowerLimit":{"Min":350,"Max":925}},"X":7}}]}`}),
			[]string{"Node Power Limit true 410 350-925"},
			`/Power {"PowerControl":[{},{"PowerLimit":{"LimitInWatts":500}}]}`, `/Power {"PowerControl":[{},{"PowerLimit":{"LimitInWatts":null}}]}`},
		"Controls": {node(box, one, "Controls", bmc{box + "/Controls": `{"Members":` + refs(box+"/Controls/Accel", box+"/Controls/Fan", box+"/Controls/Node") + `}`,
			box + "/Controls/Accel": `{"Name":"Accelerator0 Power Limit","ControlMode":"Automatic","SetPoint":300,"SettingRangeMin":100,"SettingRangeMax":400,"PhysicalContext":"Accelerator"}`,
			box + "/Controls/Fan":   `{"Name":"Fan","ControlType":"Percent","SetPoint":30}`,
			box + "/Controls/Node":  `{"Name":"Node Power Limit","ControlType":"Power","ControlMode":"Disabled","SetPoint":925,"SettingRangeMin":350,"SettingRangeMax":925}`}),
			[]string{"Accelerator0 Power Limit false 300 100-400", "Node Power Limit true 0 350-925"},
			`/Controls/Node {"ControlMode":"Automatic","SetPoint":500}`, `/Controls/Node {"ControlMode":"Disabled"}`},
		"EnvironmentMetrics": {node(box, one, "EnvironmentMetrics", bmc{box + "/EnvironmentMetrics": `{"PowerLimitWatts":{"SetPoint":600,"AllowableMin":300,"AllowableMax":700}}`}),
			[]string{"Node Power Limit true 600 300-700"},
			`/EnvironmentMetrics {"PowerLimitWatts":{"SetPoint":500}}`, `/EnvironmentMetrics {"PowerLimitWatts":{"SetPoint":null}}`},
		"a chassis of the system's name, which does not link to it": {bmc{s1: `{"Id":"1"}`, "/redfish/v1/Chassis": `{"Members":` + refs(box, "/redfish/v1/Chassis/1") + `}`,
			"/redfish/v1/Chassis/1":       `{"Power":{"@odata.id":"/redfish/v1/Chassis/1/Power"}}`,
			"/redfish/v1/Chassis/1/Power": `{"PowerControl":[{"PowerLimit":{"LimitInWatts":100}}]}`},
			[]string{"Node Power Limit true 100 0-0"}, "", ""},
		"of all systems of a chassis": {node(box, []string{s1, s2}, "Power", bmc{box + "/Power": `{"PowerControl":[{"PowerLimit":{"LimitInWatts":100}}]}`}), nil, "", ""},
		"none":                        {node(box, one, "Power", bmc{box + "/Power": `{"PowerControl":[{"PowerConsumedWatts":100}]}`}), nil, "", ""},
		"lost":                        {node(box, one, "Power", nil), nil, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := &limited{bmc: tt.tree}
			at, d := serve(t, l), redfish.New(2)
			list, err := d.PowerLimits(t.Context(), at, login, s1)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range list {
				got = append(got, fmt.Sprintf("%s %t %d %d-%d", p.Name, p.Whole, p.Watts, p.Min, p.Max))
			}
			if strings.Join(got, "; ") != strings.Join(tt.want, "; ") {
				t.Fatalf("read %q, want %q", got, tt.want)
			}
			if tt.set == "" {
				return
			}
			for _, watts := range []int{500, 0} {
				if err := d.SetPowerLimit(t.Context(), at, login, list[len(list)-1], watts); err != nil {
					t.Error(err)
				}
			}
			if want := []string{box + tt.set, box + tt.free}; strings.Join(l.patches, "; ") != strings.Join(want, "; ") {
				t.Errorf("sent %q, want %q", l.patches, want)
			}
		})
	}
}

// HPE's node cards take changes of their controls at the list of all alone.
func TestControlsThatAreChangedAllAtOnce(t *testing.T) {
	l := &limited{bmc: node(box, []string{s1}, "Controls", bmc{box + "/Controls": `{"Members":` + refs(box+"/Controls/Node") + `}`,
		box + "/Controls/Node": `{"Name":"Node Power Limit","ControlMode":"Automatic","SetPoint":925}`}),
		refuse: map[string]int{box + "/Controls/Node": 405}}
	at, d := serve(t, l), redfish.New(2)
	list, err := d.PowerLimits(t.Context(), at, login, s1)
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v %v", list, err)
	}
	if err := d.SetPowerLimit(t.Context(), at, login, list[0], 400); err != nil {
		t.Error(err)
	}
	path, body, _ := strings.Cut(l.patches[len(l.patches)-1], " ")
	var sent struct{ Members []map[string]any }
	if json.Unmarshal([]byte(body), &sent) != nil || path != box+"/Controls.Deep" || len(sent.Members) != 1 ||
		sent.Members[0]["@odata.id"] != box+"/Controls/Node" || sent.Members[0]["SetPoint"] != 400.0 || sent.Members[0]["ControlMode"] != "Automatic" {
		t.Errorf("sent %q", l.patches)
	}
	l.refuse[box+"/Controls.Deep"] = 404
	if err := d.SetPowerLimit(t.Context(), at, login, list[0], 400); err == nil || !strings.Contains(err.Error(), "405") {
		t.Errorf("without a list: %v", err)
	}
}

func TestARefusedLimitHasTheBMCsWords(t *testing.T) {
	l := &limited{bmc: node(box, []string{s1}, "Power", bmc{box + "/Power": `{"PowerControl":[{"PowerLimit":{"LimitInWatts":1}}]}`}),
		refuse: map[string]int{box + "/Power": 400}}
	at, d := serve(t, l), redfish.New(2)
	list, err := d.PowerLimits(t.Context(), at, login, s1)
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v %v", list, err)
	}
	if err := d.SetPowerLimit(t.Context(), at, login, list[0], 2); redfish.VerdictOf(err) != redfish.Refused || !strings.Contains(err.Error(), "the supply is in use") {
		t.Error(err)
	}
	l.bmc[box+"/Power"] = "no JSON"
	if _, err := d.PowerLimits(t.Context(), at, login, s1); err == nil {
		t.Error("what cannot be read is no absence")
	}
}
