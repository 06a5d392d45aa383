package auth

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// TokenFileVariable names the file with the token to show, for the command line and
// for other programs of this one.
const TokenFileVariable = "DROVER_TOKEN_FILE"

// PointTo has commands of this user find the token file of the server at the
// URL, and the file of the authorities by which it is known beside the machine's,
// which may be empty, until forget is called.
func PointTo(getenv func(string) string, server, file, authorities string) (forget func(), err error) {
	pointer, err := pointerTo(getenv, server)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(pointer), 0o700); err != nil {
		return nil, err
	}
	own := file + "\n" + authorities + "\n"
	if err := os.WriteFile(pointer, []byte(own), 0o600); err != nil {
		return nil, err
	}
	return func() {
		if text, err := os.ReadFile(pointer); err == nil && string(text) == own {
			os.Remove(pointer) //nolint:errcheck // it leads to a token of a server that does not run
		}
	}, nil
}

// Find returns the token for the server at the URL: of the file that the
// environment names, or of a server of this user. It is empty if there is neither.
func Find(getenv func(string) string, server string) (string, error) {
	file := getenv(TokenFileVariable)
	named := file != ""
	if !named {
		pointer, err := pointerTo(getenv, server)
		if err != nil {
			return "", nil //nolint:nilerr // without a home there are no pointers
		}
		text, err := os.ReadFile(pointer)
		if errors.Is(err, os.ErrNotExist) {
			return "", nil
		}
		if err != nil {
			return "", fmt.Errorf("where the server's token is: %w", err)
		}
		file, _, _ = strings.Cut(string(text), "\n")
	}
	text, err := os.ReadFile(file)
	switch {
	case err != nil && named:
		return "", fmt.Errorf("file that %s names: %w", TokenFileVariable, err)
	case errors.Is(err, os.ErrNotExist):
		return "", nil // a server that was killed could not take its pointer away
	case err != nil:
		return "", fmt.Errorf("token of the server at %s: %w", server, err)
	}
	token := InFile(text)
	if token == "" {
		return "", fmt.Errorf("%s: %s", file, NoTokenInFile)
	}
	return token, nil
}

// NoTokenInFile says what was expected of a file in which InFile finds no token.
const NoTokenInFile = "expected a token and nothing else, or the JSON of `drover auth tokens create --format json` or of a login"

// InFile is the token in a file: its text, or token or access_token of the JSON that
// `drover auth tokens create` and logins answer with. It is empty if there is none.
func InFile(text []byte) string {
	text = bytes.TrimSpace(text)
	var told struct {
		Token  string `json:"token"`
		Access string `json:"access_token"`
	}
	switch {
	case json.Unmarshal(text, &told) == nil:
		return cmp.Or(told.Access, told.Token)
	case bytes.ContainsAny(text, " \t\r\n{"):
		return ""
	}
	return string(text)
}

// AuthoritiesOf is the file of the authorities by which a server of this user at the
// URL is known; empty if it names none.
func AuthoritiesOf(getenv func(string) string, server string) string {
	pointer, err := pointerTo(getenv, server)
	if err != nil {
		return ""
	}
	text, err := os.ReadFile(pointer)
	if err != nil {
		return ""
	}
	_, file, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(file)
}

// pointerTo is the file that says where the token of the server at the URL is.
func pointerTo(getenv func(string) string, server string) (string, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("%q is no URL of a server", server)
	}
	dir := getenv("XDG_CONFIG_HOME")
	if dir == "" {
		home := getenv("HOME")
		if home == "" {
			return "", errors.New("HOME is not set")
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "drover", "servers", strings.NewReplacer(":", "_", "/", "_").Replace(Host(u.Host))), nil
}

// Host is the form of HOST:PORT by which servers are told apart: localhost is 127.0.0.1.
func Host(host string) string {
	host = strings.ToLower(host)
	if name, port, _ := strings.Cut(host, ":"); name == "localhost" {
		return strings.TrimSuffix("127.0.0.1:"+port, ":")
	}
	return host
}
