package derive

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/xname"
)

// Request is the call for what the user gave; a mistake is a *UsageError.
func (c *Command) Request(in *Input) (*Request, error) {
	if err := c.Check(in); err != nil {
		return nil, err
	}
	if c.Build != nil {
		return c.Build(in)
	}
	return c.Plain(in)
}

// Check reports the first missing or malformed value.
func (c *Command) Check(in *Input) error {
	if len(in.Args) < len(c.Args) {
		return &UsageError{"Missing argument '" + strings.ToUpper(c.Args[len(in.Args)].Name) + "'."}
	}
	if len(in.Args) > len(c.Args) {
		return &UsageError{"Got unexpected extra argument (" + strings.Join(in.Args[len(c.Args):], " ") + ")"}
	}
	if i := slices.Index(in.Args, ""); i >= 0 { // a variable that is not set; without it the path is that of all
		return &UsageError{"Invalid value for '" + strings.ToUpper(c.Args[i].Name) + "': expected a name, got ''."}
	}
	for i := range c.Options {
		o := &c.Options[i]
		values := in.Values[o.Name]
		if len(values) == 0 && o.Required {
			return &UsageError{"Missing option '--" + o.Name + "'." + o.choices(" Choose from:\n\t", ",\n\t", "")}
		}
		for _, v := range values {
			if _, err := o.decode(v); err != nil {
				return err
			}
		}
	}
	return nil
}

// Plain is the request with each option at its Place.
func (c *Command) Plain(in *Input) (*Request, error) {
	r := &Request{Method: c.Method, Path: c.Path(in.Args), Query: url.Values{}, Header: http.Header{}}
	body := map[string]any{}
	lists := map[string][]*objectList{}
	for i := range c.Options {
		o := &c.Options[i]
		text, given := in.Given(o.Name)
		if !given {
			continue
		}
		v, err := o.decode(text)
		if err != nil {
			return nil, err
		}
		switch o.Place {
		case Query:
			r.Query[o.Path[0]] = o.words(v)
		case Header:
			r.Header.Set(o.Path[0], strings.Join(o.words(v), ","))
		case Body:
			if o.Objects > 0 {
				at := strings.Join(o.Path[:o.Objects], "\x00")
				lists[at] = append(lists[at], &objectList{o, split(text)})
				continue
			}
			Set(body, o.Path, v)
		}
	}
	for _, columns := range lists {
		if err := setObjects(body, columns); err != nil {
			return nil, err
		}
	}
	if len(body) > 0 {
		r.Body = body
	}
	return r, nil
}

// Path is the route with the arguments, which come in reverse order.
func (c *Command) Path(args []string) string {
	segments := strings.Split(c.Route, "/")
	n := len(args)
	for i, s := range segments {
		if !isArgument(s) {
			continue
		}
		n--
		segments[i] = httpapi.Segment(args[n])
		if c.Args[n].Twice {
			segments[i] = httpapi.Segment(segments[i])
		}
	}
	return strings.Join(segments, "/")
}

// Set puts v at the path in doc.
func Set(doc map[string]any, path []string, v any) {
	for _, key := range path[:len(path)-1] {
		sub, ok := doc[key].(map[string]any)
		if !ok {
			sub = map[string]any{}
			doc[key] = sub
		}
		doc = sub
	}
	doc[path[len(path)-1]] = v
}

// objectList is one property of an array of objects.
type objectList struct {
	option *Option
	values []string
}

func setObjects(body map[string]any, columns []*objectList) error {
	n := 0
	for _, c := range columns {
		n = max(n, len(c.values))
	}
	objects := make([]any, n)
	for i := range objects {
		objects[i] = map[string]any{}
	}
	for _, c := range columns {
		if len(c.values) != n {
			return &UsageError{"Missing value for option '--" + c.option.Name + "': " + strconv.Itoa(n) +
				" objects are described, it has " + strconv.Itoa(len(c.values)) + "."}
		}
		for i, text := range c.values {
			v, err := c.option.scalar(text)
			if err != nil {
				return err
			}
			Set(objects[i].(map[string]any), c.option.Path[c.option.Objects:], v)
		}
	}
	Set(body, columns[0].option.Path[:columns[0].option.Objects], objects)
	return nil
}

// decode turns the text into the value to send: a scalar, or []any for a list.
func (o *Option) decode(text string) (any, error) {
	if !o.List && o.Objects == 0 {
		return o.scalar(text)
	}
	names, err := xname.Expand(text)
	if err != nil {
		return nil, o.invalid(err.Error() + ".")
	}
	list := make([]any, len(names))
	for i, n := range names {
		if list[i], err = o.scalar(n); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (o *Option) scalar(text string) (any, error) {
	switch o.Kind {
	case Bool:
		b, ok := boolWords[strings.ToLower(text)]
		if !ok {
			return nil, o.invalid("'" + text + "' is not a valid boolean.")
		}
		return b, nil
	case Integer:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, o.invalid("'" + text + "' is not a valid integer.")
		}
		return n, nil
	case Number:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, o.invalid("'" + text + "' is not a valid float.")
		}
		return n, nil
	case JSON:
		if !json.Valid([]byte(text)) {
			return nil, o.invalid("'" + text + "' is not valid JSON.")
		}
		return json.RawMessage(text), nil
	}
	if len(o.Enum) == 0 {
		return text, nil
	}
	for _, e := range o.Enum {
		if e == text || o.AnyCase && strings.EqualFold(e, text) {
			return e, nil
		}
	}
	return nil, o.invalid("invalid choice: " + text + "." + o.choices(" (choose from ", ", ", ")"))
}

func (o *Option) choices(before, between, after string) string {
	shown := slices.DeleteFunc(slices.Clone(o.Enum), func(e string) bool { return e == "" })
	if len(shown) == 0 {
		return ""
	}
	return before + strings.Join(shown, between) + after
}

func (o *Option) invalid(why string) error {
	return &UsageError{"Invalid value for '--" + o.Name + "': " + why}
}

// words are the value as query parameters have it.
func (o *Option) words(v any) []string {
	list, ok := v.([]any)
	if !ok {
		return []string{word(v)}
	}
	out := make([]string, len(list))
	for i := range list {
		out[i] = word(list[i])
	}
	if o.Joined {
		return []string{strings.Join(out, ",")}
	}
	return out
}

func word(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.RawMessage:
		return string(v)
	case bool:
		return strconv.FormatBool(v)
	}
	text, _ := json.Marshal(v)
	return string(text)
}

// split expands texts that decode has accepted.
func split(text string) []string {
	names, _ := xname.Expand(text)
	return names
}

var boolWords = map[string]bool{
	"true": true, "t": true, "yes": true, "y": true, "1": true, "on": true,
	"false": false, "f": false, "no": false, "n": false, "0": false, "off": false,
}

// ParseBool reads a boolean word.
func ParseBool(text string) (value, ok bool) {
	value, ok = boolWords[strings.ToLower(text)]
	return value, ok
}
