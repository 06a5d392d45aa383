package format

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"

	"gopkg.in/yaml.v3"
)

func writeYAML(b *bytes.Buffer, v any) error {
	e := yaml.NewEncoder(b)
	e.SetIndent(2)
	if err := e.Encode(node(v)); err != nil {
		return err
	}
	return e.Close()
}

// old are texts that readers of YAML 1.1 take for booleans or for numbers in
// base 60, such as a duration.
var old = regexp.MustCompile(`^(?i:y|n|yes|no|on|off|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)$`)

func node(v any) *yaml.Node {
	switch v := v.(type) {
	case Object:
		n := &yaml.Node{Kind: yaml.MappingNode, Style: flowIfEmpty(len(v))}
		for _, m := range v {
			n.Content = append(n.Content, node(m.Key), node(m.Value))
		}
		return n
	case []any:
		n := &yaml.Node{Kind: yaml.SequenceNode, Style: flowIfEmpty(len(v))}
		for _, e := range v {
			n.Content = append(n.Content, node(e))
		}
		return n
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: v.String()}
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v)}
	case string:
		n := &yaml.Node{}
		n.SetString(v)
		if old.MatchString(v) {
			n.Style = yaml.DoubleQuotedStyle
		}
		return n
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
}

func flowIfEmpty(n int) yaml.Style {
	if n == 0 {
		return yaml.FlowStyle
	}
	return 0
}
