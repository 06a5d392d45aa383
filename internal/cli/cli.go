package cli

import (
	"bufio"
	"cmp"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/cli/derive"
)

// Config is what the command line needs from the process. Zero fields take
// the process's own.
type Config struct {
	// Args0 is the name under which the binary was started: as "cray" it
	// offers the compatible half only.
	Args0          string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Getenv reads the environment.
	Getenv func(string) string
	// Version is the binary's.
	Version string
	// Transport makes the calls.
	Transport http.RoundTripper
	// Commands are mounted beside the others, such as "serve". Their errors
	// may be an *ExitError.
	Commands []*cobra.Command
	// Configuration makes the text of a configuration file of the server with a
	// comment to each key: to all, or to those that come first. nil: there is none.
	Configuration func(all bool) ([]byte, error)
}

// ExitError ends the process with a code of its own. A nil Err prints nothing.
type ExitError struct {
	Code int
	Err  error
}

func (e *ExitError) Error() string {
	if e.Err == nil {
		return ""
	}
	return e.Err.Error()
}

func (e *ExitError) Unwrap() error { return e.Err }

// Main runs the command that args, without the program's name, ask for and
// returns the exit code.
func Main(ctx context.Context, config Config, typed []string) int {
	a := newApp(config)
	only := asked(typed)
	root := a.root(func(module string) bool { return module == only })
	cmd, args, err := find(root, typed)
	if err == nil {
		root.SetArgs(args)
		cmd, err = root.ExecuteContextC(ctx)
	}
	a.json = a.json || a.asksJSON(cmd, typed)
	return a.fail(cmd, err)
}

// app is one run of the program.
type app struct {
	Config
	name    string        // cray or drover
	lines   *bufio.Reader // of Stdin
	modules []module
	derived map[*cobra.Command]*derive.Command
	warned  bool // that others can read the file with the token
	json    bool // that was asked for: errors are JSON, too
}

func newApp(c Config) *app {
	if c.Stdin == nil {
		c.Stdin = os.Stdin
	}
	if c.Stdout == nil {
		c.Stdout = os.Stdout
	}
	if c.Stderr == nil {
		c.Stderr = os.Stderr
	}
	if c.Getenv == nil {
		c.Getenv = os.Getenv
	}
	name := strings.TrimSuffix(filepath.Base(cmp.Or(c.Args0, "drover")), ".exe")
	if name != "cray" {
		name = "drover"
	}
	c.Version = cmp.Or(c.Version, "0.0.0")
	return &app{Config: c, name: name, lines: bufio.NewReader(c.Stdin), modules: modules(), derived: map[*cobra.Command]*derive.Command{}}
}

// root is the tree's top. Only modules that derived tells of are derived: the
// others stay leaves, which is what their help shows of them anyway.
func (a *app) root(derived func(module string) bool) *cobra.Command {
	root := &cobra.Command{
		Use: a.name, Short: "Boot and configure a fleet of nodes", Version: a.Version,
		TraverseChildren: true, SilenceErrors: true, SilenceUsage: true, Args: noArguments, RunE: showHelp,
	}
	root.SetIn(a.Stdin)
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	root.SetVersionTemplate("{{.Name}}, version {{.Version}}\n")
	root.SetHelpFunc(a.help)
	root.SetHelpCommand(&cobra.Command{Hidden: true, Use: "no-help"})
	root.CompletionOptions.DisableDefaultCmd = a.name == "cray"
	for _, m := range a.modules {
		root.AddCommand(a.module(m, derived(m.name)))
	}
	root.AddCommand(a.artifacts(), a.configCommands(), a.initCommand(), a.auth())
	if a.name == "drover" {
		root.AddCommand(a.status(), a.watch(), a.apply(), a.cancel(), a.retry(), a.explain(), a.console(), a.logs("logs"), a.images(), a.vcs(), a.discover(), a.doctor(), a.node(), a.audit(), a.documents(), a.version())
		root.AddCommand(a.bootVerbs()...)
		root.AddCommand(a.configure())
		root.AddCommand(a.jobs()...)
		for _, c := range a.Commands {
			if c.Args == nil {
				c.Args = noArguments
			}
			root.AddCommand(c)
		}
		root.InitDefaultCompletionCmd()
	}
	return root
}

// asked is the first word of the command line, also of one being completed.
func asked(args []string) string {
	if len(args) > 1 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd) {
		args = args[1:]
	}
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

func (a *app) version() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(a.Stdout, "drover "+a.Version+"\n")
			return err
		}}
}
