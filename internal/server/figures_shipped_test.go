package server

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/drover-hpc/drover/internal/kafka/kafkatest"
)

// question is an expression of the dashboard or of a rule.
type question struct{ where, expr string }

// dashboard are the expressions of the dashboard.
func dashboard(t *testing.T, file string) (list []question) {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	var board struct {
		Annotations struct{ List []struct{ Name, Expr string } }
		Panels      []struct {
			Title, Type string
			Targets     []struct{ Expr string }
		}
	}
	must(t, json.Unmarshal(text, &board))
	for _, a := range board.Annotations.List {
		list = append(list, question{a.Name, a.Expr})
	}
	for _, p := range board.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %s asks nothing", p.Title)
		}
		for _, target := range p.Targets {
			list = append(list, question{p.Title, target.Expr})
		}
	}
	return list
}

// rules are the expressions of the alerts, each of which says what to do.
func rules(t *testing.T, file string) (list []question) {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	var doc struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Labels      struct{ Severity string }
				Annotations struct{ Summary, Runbook string }
			}
		}
	}
	must(t, yaml.Unmarshal(text, &doc))
	for _, g := range doc.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" || r.Labels.Severity != "warning" && r.Labels.Severity != "critical" || r.Annotations.Summary == "" || r.Annotations.Runbook == "" {
				t.Errorf("%s: expected a severity, a summary and a runbook: %+v", r.Alert, r)
			}
			list = append(list, question{r.Alert, r.Expr})
		}
	}
	return list
}

var (
	figureName = regexp.MustCompile(`\b(?:drover|go|process)_[a-z0-9_]+(?:\{[^}]*\})?`)
	matcher    = regexp.MustCompile(`([a-z_]+)(=~|!=|=)"([^"]*)"`)
)

// What dashboard and alerts ask for is there, with the labels and values by which they
// select.
func TestDashboardAndAlertsAskForFiguresThatThereAre(t *testing.T) {
	root, err := filepath.Abs("../../packaging")
	must(t, err)
	alone, err := Start(t.Context(), testConfig(t), Options{}) // with Kafka the lag is not known at first
	must(t, err)
	t.Cleanup(alone.Stop)
	text, _ := figuresOf(t, alone)
	alone.Stop()
	c := testConfig(t)
	c.NodeListen, c.Traces = "127.0.0.1:0", Traces{Endpoint: "http://127.0.0.1:9", Nodes: 1}
	more, _ := figuresOf(t, startWithKafka(t, c, kafkatest.NewFake(t).Address()).Server)
	text += more
	all := append(dashboard(t, filepath.Join(root, "grafana/drover.json")), rules(t, filepath.Join(root, "prometheus/alerts.yaml"))...)
	names := 0
	for _, a := range all {
		for _, asked := range figureName.FindAllString(a.expr, -1) {
			names++
			name, selector, _ := strings.Cut(strings.TrimSuffix(asked, "}"), "{")
			series := regexp.MustCompile(`(?m)^`+name+`[{ ].*$`).FindAllString(text, -1)
			if len(series) == 0 {
				t.Errorf("%s: there is no %s", a.where, name)
			}
			for _, m := range matcher.FindAllStringSubmatch(selector, -1) {
				if m[1] == "instance" || m[1] == "job" { // Prometheus adds them
					continue
				}
				for value := range strings.SplitSeq(m[3], "|") {
					if !strings.Contains(strings.Join(series, "\n"), m[1]+`="`+value+`"`) {
						t.Errorf("%s: no %s has %s=%q", a.where, name, m[1], value)
					}
				}
			}
		}
	}
	if names < 60 {
		t.Errorf("%d names were found", names)
	}
}
