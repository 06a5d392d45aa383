package cli

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/cli/settings"
)

// account is what a login asks for.
type account struct{ username, password, rsaToken string }

// initOptions are those of `init`.
type initOptions struct {
	hostname, tenant  string
	noAuth, overwrite bool
}

// initCommand is `init`: it writes a configuration and logs in.
func (a *app) initCommand() *cobra.Command {
	var o initOptions
	cmd := a.verb("init", "Write a configuration and log in", arguments(),
		func(cmd *cobra.Command, g *globals, _ []string) error {
			name, err := a.initialize(g, &o)
			if err != nil {
				return err
			}
			if !o.noAuth {
				if err := a.logIn(cmd, &globals{configuration: name, verbose: g.verbose}, account{}); err != nil {
					return err
				}
			}
			fmt.Fprintln(a.Stdout, "\nInitialization complete.")
			return nil
		})
	f := cmd.Flags()
	f.StringVar(&o.hostname, "hostname", "", "name or URL of the gateway")
	f.StringVar(&o.tenant, "tenant", "", "tenant that all calls are for")
	f.BoolVar(&o.noAuth, "no-auth", false, "do not log in")
	f.BoolVar(&o.overwrite, "overwrite", false, "replace the configuration without asking")
	return cmd
}

// initialize writes the configuration, makes it the active one and returns
// its name.
func (a *app) initialize(g *globals, o *initOptions) (name string, err error) {
	dir, err := settings.Locate(a.Getenv)
	if err != nil {
		return "", err
	}
	name = cmp.Or(g.configuration, a.Getenv("CRAY_CONFIG"), dir.Active())
	_, err = os.Stat(dir.Path(name))
	if err == nil && !o.overwrite && !a.confirm("Overwrite configuration file at: "+dir.Path(name)+" ?") {
		return "", &failure{code: 2}
	}
	host := o.hostname
	if host == "" {
		if host, err = a.ask("Cray Hostname: "); err != nil {
			return "", err
		}
	}
	config := &settings.Configuration{Name: name, Values: map[string]any{
		"core": map[string]any{"hostname": a.hostURL(host), "tenant": o.tenant}}}
	if err := dir.Save(config); err != nil {
		return "", err
	}
	return name, dir.Activate(name)
}

// hostURL is the hostname as a URL: https, as the published program has it,
// unless http is asked for by the name of this one, whose server speaks it.
func (a *app) hostURL(host string) string {
	host = strings.TrimSuffix(host, "/")
	rest, plain := strings.CutPrefix(host, "http://")
	switch {
	case plain && a.name != "cray":
		return host
	case strings.HasPrefix(host, "https://"):
		return host
	}
	return "https://" + rest
}

// auth is `auth login`.
func (a *app) auth() *cobra.Command {
	var c account
	login := a.verb("login", "Log in and keep the token", arguments(),
		func(cmd *cobra.Command, g *globals, _ []string) error {
			if _, err := a.existing(g); err != nil {
				return err
			}
			return a.logIn(cmd, g, c)
		})
	login.Flags().StringVar(&c.username, "username", "", "name of the user")
	login.Flags().StringVar(&c.password, "password", "", "password; asked for if not given")
	login.Flags().StringVar(&c.rsaToken, "rsa_token", "", "one-time password, where the site needs one")
	top := group("auth", "Log in to the gateway, and give tokens to others")
	top.AddCommand(login)
	top.AddCommand(a.tokenCommands()...)
	return top
}

func (a *app) logIn(cmd *cobra.Command, g *globals, c account) error {
	s, err := a.configured(g)
	if err != nil {
		return err
	}
	if err := a.complete(&c, s.config.Text("auth", "login", "rsa_required") == "true"); err != nil {
		return err
	}
	gw, err := a.gateway(s, &globals{server: cmp.Or(g.server, s.config.Text("core", "hostname")), verbose: g.verbose})
	if err != nil {
		return err
	}
	form := url.Values{"grant_type": {"password"}, "username": {c.username}, "password": {c.password}}
	if c.rsaToken != "" {
		form.Set("rsa_username", c.username)
		form.Set("rsa_otp", c.rsaToken)
	}
	t, err := gw.login(cmd.Context(), form)
	switch {
	case errors.Is(err, errCredentials):
		return usageError("Invalid Credentials")
	case err != nil:
		return usageError("Unable to login!")
	}
	t.path = s.dir.TokenPath(gw.base, c.username)
	if err := t.save(); err != nil {
		return err
	}
	if err := s.config.Set(c.username, "auth", "login", "username"); err != nil {
		return err
	}
	if err := s.dir.Save(s.config); err != nil {
		return err
	}
	fmt.Fprintln(a.Stdout, "Success!")
	return nil
}

// complete asks for what is missing.
func (a *app) complete(c *account, rsa bool) (err error) {
	if c.username == "" {
		if c.username, err = a.ask("Username: "); err != nil {
			return err
		}
	}
	if c.password == "" {
		if c.password, err = a.askSecret("Password: "); err != nil {
			return err
		}
	}
	if rsa && c.rsaToken == "" {
		c.rsaToken, err = a.askSecret("RSA Token: ")
	}
	return err
}
