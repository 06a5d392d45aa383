package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"
)

// Dir is the folder of the files.
type Dir string

// Locate is the folder that the environment asks for.
func Locate(getenv func(string) string) (Dir, error) {
	base := getenv("CRAY_CONFIG_DIR")
	if base == "" {
		base = getenv("HOME")
	}
	if base == "" { // as in services and containers
		u, err := user.Current()
		if err != nil {
			return "", fmt.Errorf("find the folder of the configurations: %w", err)
		}
		base = u.HomeDir
	}
	return Dir(filepath.Join(base, ".config", "cray")), nil
}

// Active is the name of the configuration in use.
func (d Dir) Active() string {
	text, err := os.ReadFile(filepath.Join(string(d), "active_config"))
	if name := strings.TrimSpace(string(text)); err == nil && name != "" {
		return name
	}
	return "default"
}

// Activate makes the configuration the one in use.
func (d Dir) Activate(name string) error {
	return replace(filepath.Join(string(d), "active_config"), []byte(name))
}

// Names are the configurations that exist, sorted.
func (d Dir) Names() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(string(d), "configurations"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list configurations: %w", err)
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Path is the configuration's file.
func (d Dir) Path(name string) string { return filepath.Join(string(d), "configurations", name) }

var unsafe = regexp.MustCompile(`[./:]`)

// TokenPath is where the token for a user of a host is kept.
func (d Dir) TokenPath(host, user string) string {
	if _, rest, found := strings.Cut(host, "://"); found {
		host = rest
	}
	host = strings.ReplaceAll(unsafe.ReplaceAllString(strings.TrimSuffix(host, "/"), "_"), "-", "_")
	return filepath.Join(string(d), "tokens", host+"."+unsafe.ReplaceAllString(user, "_"))
}

// Configuration is one named set of values: tables of tables of scalars.
type Configuration struct {
	Name   string
	Values map[string]any
}

// Load reads a configuration; a missing one is an fs.ErrNotExist.
func (d Dir) Load(name string) (*Configuration, error) {
	text, err := os.ReadFile(d.Path(name))
	if err != nil {
		return nil, err
	}
	c := &Configuration{Name: name, Values: map[string]any{}}
	if err := toml.Unmarshal(text, &c.Values); err != nil {
		return nil, fmt.Errorf("configuration %s: %w", d.Path(name), err)
	}
	return c, nil
}

// Save writes a configuration, readable by its owner only.
func (d Dir) Save(c *Configuration) error {
	var b bytes.Buffer
	if err := toml.NewEncoder(&b).Encode(c.Values); err != nil {
		return fmt.Errorf("encode configuration %s: %w", c.Name, err)
	}
	if err := os.MkdirAll(filepath.Join(string(d), "logs"), 0o700); err != nil {
		return err
	}
	return replace(d.Path(c.Name), b.Bytes())
}

// SaveToken writes a token file.
func SaveToken(path string, text []byte) error { return replace(path, text) }

// Get is the value at a dotted path.
func (c *Configuration) Get(path ...string) (any, bool) {
	var v any = c.Values
	for _, key := range path {
		table, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = table[key]; !ok {
			return nil, false
		}
	}
	return v, true
}

// Text is the scalar at a dotted path as text, empty if there is none.
func (c *Configuration) Text(path ...string) string {
	v, ok := c.Get(path...)
	if _, isTable := v.(map[string]any); !ok || isTable {
		return ""
	}
	return fmt.Sprint(v)
}

// Set puts a value at a dotted path; it fails where a scalar is in the way.
func (c *Configuration) Set(value any, path ...string) error {
	table := c.Values
	for i, key := range path[:len(path)-1] {
		sub, ok := table[key].(map[string]any)
		if !ok {
			if _, taken := table[key]; taken {
				return fmt.Errorf("%s is a value, not a section", strings.Join(path[:i+1], "."))
			}
			sub = map[string]any{}
			table[key] = sub
		}
		table = sub
	}
	table[path[len(path)-1]] = value
	return nil
}

// Unset removes what is at a dotted path and tells whether anything was.
func (c *Configuration) Unset(path ...string) bool {
	var v any = c.Values
	if len(path) > 1 {
		v, _ = c.Get(path[:len(path)-1]...)
	}
	table, ok := v.(map[string]any)
	if !ok {
		return false
	}
	last := path[len(path)-1]
	_, had := table[last]
	delete(table, last)
	return had
}

// replace writes a file in one step, so that a reader sees the old or the new.
func replace(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone after the rename
	_, err = f.Write(text)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
