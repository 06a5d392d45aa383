package contract

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"gopkg.in/yaml.v3"
)

// object is a decoded JSON or YAML object.
type object = map[string]any

// document is an interface description: OpenAPI 3 or Swagger 2.
type document struct{ root object }

// operation is what both formats say of one method of one path.
type operation struct {
	query   map[string]object // parameters by name: their schemas, and whether they are required
	body    object            // nil without
	answers map[string]object // by status, schemas; nil without a body
}

// specs is the directory of the published files, or the reason to skip.
func specs(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("DROVER_PUBLISHED_SPECS")
	if dir == "" {
		t.Skip("DROVER_PUBLISHED_SPECS names no directory with the published interface files")
	}
	return dir
}

// published reads a published file.
func published(t *testing.T, file string) document {
	t.Helper()
	path := filepath.Join(specs(t), file)
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		t.Skipf("%s is missing", path)
	}
	var root object
	if err == nil {
		err = yaml.Unmarshal(text, &root)
	}
	if err != nil {
		t.Fatal(err)
	}
	return document{plain(root).(object)}
}

// declared is what a service declares of itself.
func declared(t *testing.T, api huma.API) document {
	t.Helper()
	text, err := json.Marshal(api.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	var root object
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	return document{root}
}

// plain gives YAML the types of JSON: keys are strings, numbers float64.
func plain(v any) any {
	switch v := v.(type) {
	case object:
		for k, e := range v {
			v[k] = plain(e)
		}
	case map[any]any:
		out := object{}
		for k, e := range v {
			out[toText(k)] = plain(e)
		}
		return out
	case []any:
		for i, e := range v {
			v[i] = plain(e)
		}
	case int:
		return float64(v)
	}
	return v
}

func toText(v any) string {
	text, _ := json.Marshal(v)
	return strings.Trim(string(text), `"`)
}

var pathParameter = regexp.MustCompile(`\{[^}]*\}`)

// operations by method and path; parameters of paths lose their names.
func (d document) operations(prefix string) map[string]operation {
	out := map[string]operation{}
	paths, _ := d.root["paths"].(object)
	for path, item := range paths {
		item := d.resolve(item)
		shared, _ := item["parameters"].([]any)
		path := prefix + pathParameter.ReplaceAllString(path, "{}")
		if path != "/" {
			path = strings.TrimSuffix(path, "/")
		}
		for _, method := range []string{"get", "put", "post", "patch", "delete"} {
			if op, ok := item[method].(object); ok {
				out[strings.ToUpper(method)+" "+path] = d.operation(op, shared)
			}
		}
	}
	return out
}

func (d document) operation(op object, shared []any) operation {
	out := operation{query: map[string]object{}, answers: map[string]object{}}
	own, _ := op["parameters"].([]any)
	for _, p := range append(shared[:len(shared):len(shared)], own...) {
		p := d.resolve(p)
		switch p["in"] {
		case "query":
			schema := maps.Clone(p) // Swagger 2: the parameter is its own schema
			if s, ok := p["schema"].(object); ok {
				schema = maps.Clone(d.resolve(s))
			}
			schema["required"] = p["required"] == true
			out.query[p["name"].(string)] = schema
		case "body":
			out.body, _ = p["schema"].(object)
		}
	}
	if body, ok := op["requestBody"]; ok {
		out.body = jsonSchema(d.resolve(body))
	}
	answers, _ := op["responses"].(object)
	for status, answer := range answers {
		answer := d.resolve(answer)
		schema, ok := answer["schema"].(object)
		if !ok {
			schema = jsonSchema(answer)
		}
		out.answers[status] = schema
	}
	return out
}

// jsonSchema is the schema of the content that is JSON, or of the only content.
func jsonSchema(o object) object {
	content, _ := o["content"].(object)
	media, ok := content["application/json"].(object)
	for _, other := range content {
		if !ok && len(content) == 1 {
			media, _ = other.(object)
		}
	}
	schema, _ := media["schema"].(object)
	return schema
}

// resolve follows a reference.
func (d document) resolve(v any) object {
	o, _ := v.(object)
	for {
		ref, ok := o["$ref"].(string)
		if !ok {
			return o
		}
		var at any = d.root
		for _, part := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
			at = at.(object)[part]
		}
		o, _ = at.(object)
	}
}

// flat is a schema with its references followed and its parts (allOf) put
// together.
func (d document) flat(v any) object {
	o := d.resolve(v)
	parts, ok := o["allOf"].([]any)
	if !ok {
		return o
	}
	out := maps.Clone(o)
	delete(out, "allOf")
	properties := object{}
	var required []any
	for _, part := range append(parts, out) {
		p := d.flat(part)
		for k, e := range p {
			switch k {
			case "properties":
				maps.Copy(properties, e.(object))
			case "required":
				list, _ := e.([]any)
				required = append(required, list...)
			default:
				out[k] = e
			}
		}
	}
	if len(properties) > 0 {
		out["properties"], out["type"] = properties, "object"
	}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}
