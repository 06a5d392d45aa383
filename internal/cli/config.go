package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/cli/format"
	"github.com/drover-hpc/drover/internal/cli/settings"
)

// verb is a hand-written command with the global options.
func (a *app) verb(use, short string, args cobra.PositionalArgs,
	run func(cmd *cobra.Command, g *globals, args []string) error) *cobra.Command {
	return a.verbWith(new(globals), use, short, args, run)
}

// verbWith is verb for a command that completes options, which takes the globals.
func (a *app) verbWith(g *globals, use, short string, args cobra.PositionalArgs,
	run func(cmd *cobra.Command, g *globals, args []string) error) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: args,
		RunE: func(cmd *cobra.Command, args []string) error { return run(cmd, g, args) }}
	cmd.Flags().AddFlagSet(a.globalFlags(g))
	if path := namesOf[use]; path != "" {
		cmd.ValidArgsFunction = a.completeList(g, path)
	}
	return cmd
}

// namesOf tells where the arguments of native commands have their names; with
// blanks between places.
var namesOf = map[string]string{"watch SESSION": bootSessionsPath, "cancel SESSION": bootSessionsPath + "?status=running " + strings.TrimSuffix(cfsSessions, "/") + "?status=running", "retry SESSION": bootSessionsPath + "?status=complete " + strings.TrimSuffix(cfsSessions, "/") + "?status=complete", "logs SESSION|NODE": strings.TrimSuffix(cfsSessions, "/"),
	"boot NODES...": nodesPath, "reboot NODES...": nodesPath, "configure NODES...": nodesPath,
	"on NODES...": nodesPath, "off NODES...": nodesPath, "reset NODES...": nodesPath,
	"status [NODES]...": nodesPath, "explain NODE...": nodesPath, "console NODE...": nodesPath}

// configCommands are `config list, use, describe, get, set, unset`.
func (a *app) configCommands() *cobra.Command {
	top := group("config", "Look at and change the configurations of this program")
	top.AddCommand(
		a.verb("list", "List the configurations", arguments(), func(_ *cobra.Command, g *globals, _ []string) error { return a.configList(g) }),
		a.verb("use NAME", "Choose the configuration to use", arguments("NAME"), a.configUse),
		a.verb("describe", "Show the configuration in use", arguments(), a.configDescribe),
		a.verb("get KEY", "Show one value, such as core.hostname", arguments("KEY"), a.configGet),
		a.verb("set SECTION KEY=VALUE...", "Set values of a section", atLeast("SECTION", "KEY=VALUE"), a.configSet),
		a.verb("unset KEY...", "Remove values", atLeast("KEY"), a.configUnset))
	return top
}

func atLeast(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return usageError("Missing argument '%s'.", names[len(args)])
		}
		return nil
	}
}

// existing is the session of a configuration that has a file.
func (a *app) existing(g *globals) (*session, error) {
	s, err := a.configured(g)
	if err != nil {
		return nil, err
	}
	if _, err := s.dir.Load(s.config.Name); errors.Is(err, fs.ErrNotExist) {
		return nil, a.noConfiguration(s.config.Name)
	}
	if s.format == "" {
		s.format = "toml"
	}
	return s, nil
}

func (a *app) configList(g *globals) error {
	s, err := a.configured(&globals{format: g.format})
	if err != nil {
		return err
	}
	if s.format == "" {
		s.format = "toml"
	}
	names, err := s.dir.Names()
	if err != nil {
		return err
	}
	list := []any{}
	for _, n := range names {
		list = append(list, format.Object{{Key: "name", Value: n}, {Key: "is_active", Value: n == s.dir.Active()}})
	}
	return format.WriteValue(a.Stdout, s.format, format.Object{{Key: "configurations", Value: list}})
}

func (a *app) configUse(_ *cobra.Command, _ *globals, args []string) error {
	dir, err := settings.Locate(a.Getenv)
	if err != nil {
		return err
	}
	if _, err := dir.Load(args[0]); err != nil {
		return usageError("Unable to find configuration file.")
	}
	if err := dir.Activate(args[0]); err != nil {
		return err
	}
	fmt.Fprintf(a.Stdout, "Your active configuration is: %s\n", args[0])
	return nil
}

func (a *app) configDescribe(_ *cobra.Command, g *globals, _ []string) error {
	s, err := a.existing(g)
	if err != nil {
		return err
	}
	if !s.quiet {
		fmt.Fprintf(a.Stdout, "Your active configuration is: %s\n", s.config.Name)
	}
	return s.print(s.config.Values)
}

func (a *app) configGet(_ *cobra.Command, g *globals, args []string) error {
	s, err := a.existing(g)
	if err != nil {
		return err
	}
	v, ok := s.config.Get(strings.Split(args[0], ".")...)
	if !ok {
		return usageError("Unable to find property.")
	}
	if _, isTable := v.(map[string]any); isTable {
		return s.print(v)
	}
	fmt.Fprintln(a.Stdout, v)
	return nil
}

// configSet stores texts. Of a value with a further "=" only what is before
// it counts, as in the published program.
// configSet makes the default configuration if there is none; cray has its users make it
// by init.
func (a *app) configSet(_ *cobra.Command, g *globals, args []string) error {
	open := a.existing
	if a.name != "cray" {
		open = a.configured
	}
	s, err := open(g)
	if err != nil {
		return err
	}
	section := strings.Split(args[0], ".")
	for _, pair := range args[1:] {
		parts := strings.Split(pair, "=")
		if len(parts) < 2 {
			return usageError("Invalid value for 'KEY=VALUE': '%s' has no '='.", pair)
		}
		if err := s.config.Set(parts[1], append(section[:len(section):len(section)], parts[0])...); err != nil {
			return usageError("%v", err)
		}
	}
	return s.dir.Save(s.config)
}

func (a *app) configUnset(_ *cobra.Command, g *globals, args []string) error {
	s, err := a.existing(g)
	if err != nil {
		return err
	}
	for _, key := range args {
		if !s.config.Unset(strings.Split(key, ".")...) {
			return usageError("Unable to find property.")
		}
	}
	return s.dir.Save(s.config)
}
