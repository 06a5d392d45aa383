package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/drover-hpc/drover/internal/cli/derive"
	"github.com/drover-hpc/drover/internal/cli/format"
	"github.com/drover-hpc/drover/internal/cli/settings"
)

// globals are the options of every verb.
type globals struct {
	configuration, format, token, server string
	quiet                                bool
	verbose                              int
}

func (a *app) globalFlags(g *globals) *pflag.FlagSet {
	f := pflag.NewFlagSet("global", pflag.ContinueOnError)
	f.StringVar(&g.configuration, "configuration", "", "name of the configuration to use [CRAY_CONFIG]")
	f.StringVar(&g.format, "format", "", "form of the output: json, toml or yaml; toml if not set [CRAY_FORMAT]")
	f.StringVar(&g.token, "token", "", "file with the token [CRAY_CREDENTIALS]")
	f.StringVar(&g.server, "server", "", "URL of the gateway; goes before the configuration's [DROVER_SERVER]")
	f.BoolVar(&g.quiet, "quiet", false, "print the result only [CRAY_QUIET]")
	f.CountVarP(&g.verbose, "verbose", "v", "-vv shows the call, -vvv its details")
	return f
}

// refuseFormat refuses --format of a command that prints text alone; where else there is
// data is said. A form that the environment or the configuration names is for other
// commands.
func (g *globals) refuseFormat(what, instead string) error {
	if g.format == "" {
		return nil
	}
	return usageError("'--format' is not for %s, which is text: %s.", what, instead)
}

// defaultServer is where `drover serve` listens.
const defaultServer = "http://127.0.0.1:8080"

// session is a command's view of the configuration and the gateway.
type session struct {
	app    *app
	config *settings.Configuration
	dir    settings.Dir
	quiet  bool
	format string
	// asData: a form of output was asked for; what is told for people is not.
	asData  bool
	gateway *gateway
}

// open reads the configuration and readies the gateway.
func (a *app) open(g *globals) (*session, error) {
	s, err := a.configured(g)
	if err != nil {
		return nil, err
	}
	if s.format == "" {
		s.format = "toml"
	}
	if !slices.Contains(format.Names, s.format) {
		return nil, usageError("Invalid value for '--format': invalid choice: %s. (choose from %s)",
			s.format, strings.Join(format.Names, ", "))
	}
	s.gateway, err = a.gateway(s, g)
	return s, err
}

// configured reads the configuration alone. Without one the defaults serve,
// unless it was asked for by name.
func (a *app) configured(g *globals) (*session, error) {
	dir, err := settings.Locate(a.Getenv)
	if err != nil {
		return nil, err
	}
	asked := cmp.Or(g.configuration, a.Getenv("CRAY_CONFIG"))
	name := cmp.Or(asked, dir.Active())
	config, err := dir.Load(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && (asked == "" || asked == "default"):
		config = &settings.Configuration{Name: name, Values: map[string]any{}}
	case errors.Is(err, fs.ErrNotExist):
		return nil, a.noConfiguration(name)
	case err != nil:
		return nil, err
	}
	s := &session{app: a, config: config, dir: dir}
	s.format = strings.ToLower(cmp.Or(g.format, a.Getenv("CRAY_FORMAT"), config.Text("core", "format")))
	s.asData = s.format != ""
	a.json = s.format == "json"
	s.quiet = g.quiet
	if !s.quiet {
		s.quiet, _ = derive.ParseBool(cmp.Or(a.Getenv("CRAY_QUIET"), config.Text("core", "quiet")))
	}
	return s, nil
}

func (a *app) noConfiguration(name string) error {
	hint := a.name + " init"
	if name != "default" {
		hint += " --configuration " + name
	}
	return usageError("No configuration exists. Run `%s`", hint)
}

// run makes the call, prints the answer and returns it.
func (s *session) run(ctx context.Context, prefix string, r *derive.Request) ([]byte, error) {
	answer, err := s.gateway.do(ctx, prefix, r)
	if err != nil {
		return nil, err
	}
	return answer, format.Write(s.app.Stdout, s.format, answer)
}

// print prints a value of our own.
func (s *session) print(v any) error {
	ordered, err := format.Of(v)
	if err != nil {
		return err
	}
	return format.WriteValue(s.app.Stdout, s.format, ordered)
}

// get decodes the answer to a GET.
func (s *session) get(ctx context.Context, path string, out any) error {
	return s.call(ctx, http.MethodGet, path, nil, out)
}

// found asks for something that there may not be.
func (s *session) found(ctx context.Context, path string, out any) (bool, error) {
	err := s.get(ctx, path, out)
	if missing(err) {
		return false, nil
	}
	return err == nil, err
}

// call makes a call of the native commands.
func (s *session) call(ctx context.Context, method, path string, in, out any) error {
	answer, err := s.gateway.do(ctx, "", &derive.Request{Method: method, Path: path, Body: in})
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("decode answer of %s %s: %w", method, path, err)
	}
	return nil
}
