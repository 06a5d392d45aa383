package format

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Object is a JSON object whose members keep their order. The other JSON
// values are []any, json.Number, string, bool and nil.
type Object []Member

// Member is a key and its value.
type Member struct {
	Key   string
	Value any
}

// Decode reads one JSON value.
func Decode(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := decode(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return v, nil
}

func decode(d *json.Decoder) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		object := Object{}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := decode(d)
			if err != nil {
				return nil, err
			}
			object = append(object, Member{key.(string), v})
		}
		_, err := d.Token()
		return object, err
	case json.Delim('['):
		array := []any{}
		for d.More() {
			v, err := decode(d)
			if err != nil {
				return nil, err
			}
			array = append(array, v)
		}
		_, err := d.Token()
		return array, err
	}
	return t, nil
}

// Of is any Go value as a Value, through its JSON.
func Of(v any) (any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode for output: %w", err)
	}
	return Decode(text)
}

// Names are the formats.
var Names = []string{"json", "toml", "yaml"}

// Write prints an answer's body. Only objects and arrays are formatted; any
// other JSON value and any other text is printed as it is, followed by a line
// end.
func Write(w io.Writer, name string, body []byte) error {
	v, err := Decode(body)
	if err == nil {
		switch v.(type) {
		case Object, []any:
			return WriteValue(w, name, v)
		}
		if s, isText := v.(string); isText {
			body = []byte(s)
		}
	}
	_, err = fmt.Fprintf(w, "%s\n", bytes.TrimRight(body, "\n"))
	return err
}

// WriteValue prints an object or array.
func WriteValue(w io.Writer, name string, v any) error {
	var b bytes.Buffer
	switch name {
	case "json":
		writeJSON(&b, v, "")
		b.WriteByte('\n')
	case "yaml":
		if err := writeYAML(&b, v); err != nil {
			return err
		}
	case "toml":
		writeTOML(&b, v)
	default:
		return fmt.Errorf("unknown format %q", name)
	}
	_, err := w.Write(b.Bytes())
	return err
}
