package main

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPageKeepsWhatWasNotMeasuredThisTime(t *testing.T) {
	base := filepath.Join(t.TempDir(), "performance")
	if err := os.WriteFile(base+".md", []byte("# Performance\n"+tableBegin+"old\n"+tableEnd+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	measured := func(name string, own float64) row {
		r := row{name: name, build: "abc"}
		r.add("own_cpu_ms_per_node", own)
		r.add("bare_cpu_ms_per_node", 1)
		return r
	}
	for _, fresh := range [][]row{{measured("reboot-10000", 3), measured("list", 1)}, {measured("reboot-1000", 2), measured("list", 4)}} {
		p := page{base: base, machine: "a machine", fresh: fresh}
		if err := p.write(); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(base + ".md")
	if err != nil {
		t.Fatal(err)
	}
	want := "# Performance\n" + tableBegin + "\na machine\n\n" + tableHead +
		"| reboot-1000 | abc | own cpu ms per node 2, bare cpu ms per node 1 |  |\n| reboot-10000 | abc | own cpu ms per node 3, bare cpu ms per node 1 |  |\n" +
		"| list | abc | own cpu ms per node 4, bare cpu ms per node 1 |  |\n\n" + tableEnd + "after\n"
	if string(text) != want {
		t.Errorf("got\n%s\nexpected\n%s", text, want)
	}
	svg, err := os.ReadFile(base + ".svg")
	if err != nil || xml.Unmarshal(svg, &struct{}{}) != nil || !strings.Contains(string(svg), ">Drover abc<") || strings.Count(string(svg), "<circle") != 4 {
		t.Errorf("%v: %s", err, svg)
	}
}

func TestCurveIsOneOfTheBuildsOfTheTree(t *testing.T) {
	measured := func(name, build string) row {
		r := row{name: name, build: build}
		r.add("own_cpu_ms_per_node", 1)
		return r
	}
	lines := curves([]row{measured("reboot-1000", "abc"), measured("reboot-1000", "old"), measured("reboot-10000", "abc"), measured("reboot-10000", "old"), measured("reboot-100000", "abd")})
	if len(lines) != 2 || lines[0].name != "Drover abc, abd" || len(lines[0].points) != 3 || lines[1].name != "Drover old" || len(lines[1].points) != 2 {
		t.Errorf("%+v", lines)
	}
}
