// Package helm carries the Helm chart and makes what `helm template` makes of it,
// for sites that apply manifests. There is one source of both: the chart's
// templates use no more than text/template has, but for a key that Helm makes.
package helm

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"strings"
	"text/template"

	"gopkg.in/yaml.v3"
)

//go:embed drover
var chart embed.FS

// order is that in which the objects need each other.
var order = []string{"namespace.yaml", "access.yaml", "secret-key.yaml", "storage.yaml", "service.yaml", "server.yaml"}

// helmOnly are the functions that only Helm has.
var helmOnly = template.FuncMap{}

func init() {
	for _, name := range []string{"lookup", "randBytes", "replace", "trimSuffix", "b64enc"} {
		helmOnly[name] = func(...any) (string, error) { return "", fmt.Errorf("%s: only Helm has this", name) }
	}
}

// Render returns the chart's objects for the namespace. values stand over those of
// values.yaml.
func Render(namespace string, values map[string]any) ([]byte, error) {
	text, err := chart.ReadFile("drover/values.yaml")
	if err != nil {
		return nil, err
	}
	all := map[string]any{}
	if err := yaml.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("read the chart's values: %w", err)
	}
	maps.Copy(all, values)
	data := map[string]any{"Values": all, "Release": map[string]any{"Name": "drover", "Namespace": namespace}}
	var out bytes.Buffer
	for _, name := range order {
		text, err := fs.ReadFile(chart, path.Join("drover/templates", name))
		if err != nil {
			return nil, err
		}
		t, err := template.New(name).Funcs(helmOnly).Option("missingkey=error").Parse(string(text))
		if err != nil {
			return nil, fmt.Errorf("read the chart: %w", err)
		}
		var one bytes.Buffer
		if err := t.Execute(&one, data); err != nil {
			return nil, fmt.Errorf("fill in the chart: %w", err)
		}
		if body := strings.TrimSpace(one.String()); body != "" {
			fmt.Fprintf(&out, "---\n%s\n", body)
		}
	}
	return out.Bytes(), nil
}
