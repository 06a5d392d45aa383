package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/cli/settings"
)

// realm is the part of the gateway that hands out tokens.
const realm = "/keycloak/realms/shasta/protocol/openid-connect/token"

// clientID is the name under which command lines log in.
const clientID = "shasta"

// token is a stored OAuth2 answer. All methods take a nil token for none.
type token struct {
	path string
	AccessToken,
	RefreshToken string
	expires float64        // Unix time; 0: never
	raw     map[string]any // everything that the file holds
}

// loadToken reads a token file. A missing one is no token unless it was asked
// for. As cray the program says of a bad one what the published one says.
func (a *app) loadToken(path string, asked bool) (*token, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !asked {
		return nil, nil
	}
	t := &token{path: path}
	if a.name == "cray" {
		if err != nil || t.parse(text) != nil {
			return nil, usageError("Unable to open token file, is it valid JSON?")
		}
		return t, nil
	}
	if err != nil {
		return nil, usageError("token file: %v", err)
	}
	if t.parse(text) != nil || t.AccessToken == "" {
		return nil, usageError("token file %s: %s", path, auth.NoTokenInFile)
	}
	return t, nil
}

// warnOfReaders says once that others can read the file with the token, and what to do.
func (a *app) warnOfReaders(path string) {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o077 == 0 || a.warned {
		return
	}
	a.warned = true
	fmt.Fprintf(a.Stderr, "Warning: token file %s has mode %04o: others than its owner can use it, and the token in it: chmod 600 %[1]s\n", path, info.Mode().Perm()) //nolint:errcheck // a warning
}

// foundToken is that of a server of this user, if the gateway is one.
func foundToken(getenv func(string) string, base string) (*token, error) {
	text, err := auth.Find(getenv, base)
	if err != nil {
		return nil, usageError("%v", err)
	}
	if text == "" {
		return nil, nil
	}
	return &token{AccessToken: text}, nil
}

// parse reads the answer of a login, or a token that is text alone, as Drover and
// scripts of identity providers give it out.
func (t *token) parse(text []byte) error {
	if plain := strings.TrimSpace(string(text)); strings.HasPrefix(plain, "drover-") || strings.HasPrefix(plain, "eyJ") && strings.Count(plain, ".") == 2 {
		t.AccessToken = plain
		return nil
	}
	if err := json.Unmarshal(text, &t.raw); err != nil {
		return err
	}
	t.AccessToken = auth.InFile(text)
	t.RefreshToken, _ = t.raw["refresh_token"].(string)
	t.expires, _ = t.raw["expires_at"].(float64)
	return nil
}

// authorize adds the token to the request, renewed if it has expired.
func (t *token) authorize(ctx context.Context, g *gateway, req *http.Request) error {
	if t == nil || t.AccessToken == "" {
		return nil
	}
	if t.RefreshToken != "" && t.expires > 0 && float64(time.Now().Unix()) >= t.expires {
		fresh, err := g.login(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {t.RefreshToken}})
		if err != nil {
			return usageError("Your session has expired, please run:\n    %s auth login\nor give a token file with --token", g.program)
		}
		fresh.path = t.path
		*t = *fresh
		if err := t.save(); err != nil {
			return err
		}
	}
	req.Header.Set("Authorization", "Bearer "+t.AccessToken)
	return nil
}

func (t *token) save() error {
	text, err := json.Marshal(t.raw)
	if err != nil {
		return err
	}
	return settings.SaveToken(t.path, text)
}

// errCredentials is a login that was refused.
var errCredentials = errors.New("the credentials were refused")

// login asks for a token.
func (g *gateway) login(ctx context.Context, form url.Values) (*token, error) {
	form.Set("client_id", clientID)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.base+realm, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := g.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 400 {
		return nil, errCredentials
	}
	t := &token{}
	if err := t.parse(text); err != nil {
		return nil, fmt.Errorf("decode the token: %w", err)
	}
	t.raw["client_id"] = clientID
	if seconds, ok := t.raw["expires_in"].(float64); ok {
		t.expires = float64(time.Now().Unix()) + seconds
		t.raw["expires_at"] = t.expires
	}
	return t, nil
}
