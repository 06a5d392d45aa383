package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/drover-hpc/drover/internal/cli/derive"
)

// What several of the hand-written commands share.

// text, boolean and the like are options whose value goes into the body.
func text(name, help string, path ...string) derive.Option {
	return bodyOption(derive.Text, name, help, path)
}

func boolean(name, help string, path ...string) derive.Option {
	return bodyOption(derive.Bool, name, help, path)
}

func integer(name, help string, path ...string) derive.Option {
	return bodyOption(derive.Integer, name, help, path)
}

func bodyOption(kind derive.Kind, name, help string, path []string) derive.Option {
	return derive.Option{Name: name, Kind: kind, Help: help, Place: derive.Body, Path: path}
}

// local is an option that the command itself looks at.
func local(kind derive.Kind, name, help string) derive.Option {
	return derive.Option{Name: name, Kind: kind, Help: help}
}

func required(o derive.Option) derive.Option {
	o.Required = true
	return o
}

// failed is a mistake outside the command line's words: exit 1, no usage.
func failed(format string, args ...any) error {
	return &failure{code: 1, message: fmt.Sprintf(format, args...)}
}

// jsonFile is a file's content, which has to be JSON.
func jsonFile(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, failed("%v", err)
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return nil, failed("file %s is not JSON: %v", path, err)
	}
	return text, nil
}

// body is the request's body as an object to add to.
func body(r *derive.Request) map[string]any {
	b, ok := r.Body.(map[string]any)
	if !ok {
		b = map[string]any{}
		r.Body = b
	}
	return b
}

// trim drops an empty body: it is not sent at all.
func trim(r *derive.Request) *derive.Request {
	if b, ok := r.Body.(map[string]any); ok && len(b) == 0 {
		r.Body = nil
	}
	return r
}

// fromFile sends the file that the option names in place of the other options.
func fromFile(option string, otherwise func(*derive.Input) (*derive.Request, error)) func(*derive.Input) (*derive.Request, error) {
	return func(in *derive.Input) (*derive.Request, error) {
		path, given := in.Given(option)
		if !given {
			return otherwise(in)
		}
		content, err := jsonFile(path)
		if err != nil {
			return nil, err
		}
		r, err := in.Command.Plain(in)
		if err != nil {
			return nil, err
		}
		r.Body = content
		return r, nil
	}
}

// tags reads k=v,k=v.
func tags(option, list string) (map[string]any, error) {
	out := map[string]any{}
	for _, item := range strings.Split(list, ",") {
		if item == "" {
			continue
		}
		key, value, ok := strings.Cut(item, "=")
		if !ok || key == "" {
			return nil, usageError("Invalid value for '--%s': '%s' is no KEY=VALUE.", option, item)
		}
		out[key] = value
	}
	return out, nil
}

// commaList splits and drops blanks and empty items.
func commaList(list string) []any {
	out := []any{}
	for _, item := range strings.Split(list, ",") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}

// filtered is the body of an update of many: {filters, patch}. The options'
// own values go over those of --patch.
func filtered(in *derive.Input, r *derive.Request, filters map[string]any) (*derive.Request, error) {
	patch := map[string]any{}
	if given, ok := in.Given("patch"); ok {
		if err := json.Unmarshal([]byte(given), &patch); err != nil {
			return nil, failed("--patch is no JSON object: %v", err)
		}
	}
	for k, v := range body(r) {
		patch[k] = v
	}
	r.Body = map[string]any{"filters": filters, "patch": patch}
	return r, nil
}
