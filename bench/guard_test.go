package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestGuardNamesWhatIsAboveItsCeiling(t *testing.T) {
	found := row{name: "guard"}
	found.add("rows", 12)
	found.add("requests", 14)
	for want, most := range map[string]map[string]float64{
		"":                        {"rows": 12, "requests": 14},
		"rows: 12, at most 11.99": {"rows": 11.99, "requests": 15},
	} {
		over, err := ceilings{Most: most}.exceeded(found)
		if err != nil || strings.Join(over, ";") != want {
			t.Errorf("%v: %q, %v; expected %q", most, over, err, want)
		}
	}
	if _, err := (ceilings{Most: map[string]float64{"other": 1}}).exceeded(found); err == nil {
		t.Error("a ceiling of what is not measured was let through")
	}
}

func TestRowsAreChosenByNameOrBeginning(t *testing.T) {
	for only, want := range map[string]string{
		"reboot-1000":     "reboot-1000",
		"reboot-10":       "reboot-1000 reboot-10000 reboot-100000",
		"memory,s3":       "idle memory status s3-small",
		"patch,list,none": "list patch",
	} {
		var got []string
		for _, m := range measures {
			if wanted(m.rows, only) {
				got = append(got, m.rows)
			}
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("-only %s measures %v, expected %s", only, got, want)
		}
	}
}

func TestRowsAreJSONObjectsInTheOrderOfTheirValues(t *testing.T) {
	r := row{name: "reboot-1000", build: "abc", goal: "<= 2"}
	r.add("own_over_bare", 3.59951)
	r.add("rows_decoded_per_node", 0)
	r.add("bytes_per_node", 859412.5)
	text, err := json.Marshal(r)
	want := `{"row":"reboot-1000","build":"abc","own_over_bare":3.6,"rows_decoded_per_node":0,"bytes_per_node":859400,"goal":"\u003c= 2"}`
	if err != nil || string(text) != want {
		t.Errorf("got %s, %v; expected %s", text, err, want)
	}
	var back row
	if err := json.Unmarshal(text, &back); err != nil || back.name != r.name || back.goal != r.goal || len(back.values) != 3 || back.values[0] != (value{"own_over_bare", 3.6}) {
		t.Errorf("it reads as %+v, %v", back, err)
	}
}

func TestCPUOfAFamilyIsThatOfItsMembers(t *testing.T) {
	if _, err := familyCPU(os.Getpid()); err != nil {
		t.Error(err)
	}
	if _, err := familyCPU(-1); err == nil {
		t.Error("no process has the number -1")
	}
}
