package cli

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/drover-hpc/drover/internal/cli/derive"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/xname/pick"
)

// failure is an error that has its own code and is printed after "Error: ".
// With usage, the three-part form is printed.
type failure struct {
	code    int
	usage   bool
	message string
}

func (f *failure) Error() string { return f.message }

func usageError(format string, args ...any) error {
	return &derive.UsageError{Message: fmt.Sprintf(format, args...)}
}

// abort is what happens to a confirmation that is refused.
var abort = &failure{code: 1, message: "Aborted!"}

// fail prints err about the command and returns the exit code.
func (a *app) fail(cmd *cobra.Command, err error) int {
	f := classify(err)
	if f != nil && a.name != "cray" && cmd.HasSubCommands() && a.isGlobal(err) {
		f.message += " (it stands behind the command)"
	}
	if f != nil && a.name != "cray" {
		if near := meant(cmd, err); near != "" {
			f.message = strings.TrimSuffix(f.message, ".") + ". Did you mean '" + near + "'?"
		}
	}
	switch {
	case f == nil:
		return 0
	case f.message == "":
	case a.json && a.name != "cray":
		a.failAsJSON(f, err)
	case f == abort:
		fmt.Fprintln(a.Stderr, f.message)
	case f.usage && (a.name == "cray" || !answered(err)):
		path := cmd.CommandPath()
		fmt.Fprintf(a.Stderr, "Usage: %s\nTry '%s --help' for help.\n\nError: %s\n", a.usageLine(cmd), path, harmless(f.message))
	default:
		fmt.Fprintf(a.Stderr, "Error: %s\n", harmless(f.message))
	}
	return f.code
}

// answered tells whether it was a service that refused: then nothing is wrong with how the
// command was written.
func answered(err error) bool {
	var r *refusal
	return errors.As(err, &r)
}

// failAsJSON is a failure for a program that asked for JSON.
func (a *app) failAsJSON(f *failure, err error) {
	told := struct {
		Error  string `json:"error"`
		Code   int    `json:"code"`             // the exit code
		Status int    `json:"status,omitempty"` // of HTTP, if a service refused
	}{Error: harmless(f.message), Code: f.code}
	var r *refusal
	if errors.As(err, &r) {
		told.Status = r.status
	}
	e := json.NewEncoder(a.Stderr)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	e.Encode(told) //nolint:errcheck // whoever does not read it has the exit code
}

// asksJSON tells whether the command line, or else the environment, asks for JSON: also one
// that could not be read to its end.
func (a *app) asksJSON(cmd *cobra.Command, args []string) bool {
	asked := a.Getenv("CRAY_FORMAT")
	for i, arg := range args {
		name, value, inOne := strings.Cut(arg, "=")
		if !inOne && i+1 < len(args) {
			value = args[i+1]
		}
		switch {
		case arg == "--":
			return strings.EqualFold(asked, "json")
		case name == "--format", (name == "--output" || name == "-o") && cmd != nil && cmd.Name() == "status":
			asked = value
		}
	}
	return strings.EqualFold(asked, "json")
}

func classify(err error) *failure {
	var (
		f       *failure
		usage   *derive.UsageError
		exit    *ExitError
		unknown *pflag.NotExistError
		command *unknownCommand
		noValue *pflag.ValueRequiredError
		invalid *pflag.InvalidValueError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &f):
		return f
	case errors.As(err, &exit):
		return &failure{code: exit.Code, message: exit.Error()}
	case errors.As(err, &usage):
		return &failure{code: 2, usage: true, message: usage.Message}
	case errors.As(err, &command):
		return &failure{code: 2, usage: true, message: command.Error()}
	case errors.As(err, &unknown):
		name := unknown.GetSpecifiedName()
		if unknown.GetSpecifiedShortnames() == "" {
			name = "--" + name
		} else {
			name = "-" + name
		}
		return &failure{code: 2, usage: true, message: "no such option: " + name}
	case errors.As(err, &noValue):
		return &failure{code: 2, usage: true, message: "Option '--" + noValue.GetSpecifiedName() + "' requires an argument."}
	case errors.As(err, &invalid) && errors.Is(invalid, strconv.ErrSyntax):
		return &failure{code: 2, usage: true, message: fmt.Sprintf("Invalid value for '--%s': '%s' is not a valid %s.",
			invalid.GetFlag().Name, invalid.GetValue(), kindOf(invalid.GetFlag()))}
	case errors.As(err, &invalid):
		return &failure{code: 2, usage: true, message: fmt.Sprintf("Invalid value for '--%s': %s",
			invalid.GetFlag().Name, strings.TrimPrefix(invalid.Unwrap().Error(), "invalid "))}
	case errors.Is(err, context.Canceled):
		return abort
	}
	if fault.Is(err, fault.Invalid) { // an option's value
		return &failure{code: 2, message: err.Error()}
	}
	return &failure{code: 1, message: err.Error()}
}

// meant names the command or option that is written almost as the unknown one.
func meant(cmd *cobra.Command, err error) string {
	var (
		option  *pflag.NotExistError
		command *unknownCommand
		near    string
	)
	switch {
	case errors.As(err, &option) && option.GetSpecifiedShortnames() == "":
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				names = append(names, f.Name)
			}
		})
		if near = pick.Nearest(option.GetSpecifiedName(), names); near != "" {
			near = "--" + near
		}
	case errors.As(err, &command):
		var names []string
		for _, c := range cmd.Commands() {
			if !c.Hidden {
				names = append(names, c.Name())
			}
		}
		near = pick.Nearest(command.name, names)
	}
	return near
}

// unknownCommand is a word where a command's name should be.
type unknownCommand struct{ name string }

func (u *unknownCommand) Error() string { return fmt.Sprintf("No such command '%s'.", u.name) }

// isGlobal tells whether err is about an option that every command has.
func (a *app) isGlobal(err error) bool {
	var unknown *pflag.NotExistError
	return errors.As(err, &unknown) && a.globalFlags(new(globals)).Lookup(unknown.GetSpecifiedName()) != nil
}

// kindOf names what a flag takes.
func kindOf(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "bool":
		return "boolean"
	case "float64":
		return "float"
	}
	return "integer"
}

// unreachable words a call that got no answer: under the published name as that
// program does, which clients may look for.
func unreachable(program, base string, err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return &failure{code: 2, usage: true, message: "Timed out trying to connect to cray"}
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var unknown *tls.CertificateVerificationError
	if errors.As(err, &unknown) && program != "cray" {
		return &failure{code: 2, message: fmt.Sprintf("%s is not known by its certificate: %v\n"+
			"%s=FILE names authorities to trust beside this machine's; %s=no trusts whoever answers.", base, unknown.Err, bundleVariable, verifyVariable)}
	}
	if program != "cray" {
		return &failure{code: 2, message: fmt.Sprintf("no answer from %s: %v\n"+
			"Does it run, and is this its URL? --server, DROVER_SERVER or `%s config set core hostname=URL` name another.", base, err, program)}
	}
	return &failure{code: 2, usage: true, message: fmt.Sprintf("Unable to connect to cray. Please verify your cray hostname:\n"+
		"    %[1]s config get core.hostname\n    %[1]s config set core hostname=<hostname>\n(%[2]s: %[3]v)", program, base, err)}
}

func noArguments(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case cmd.HasSubCommands():
		return &unknownCommand{args[0]}
	}
	return usageError("Got unexpected extra argument (%s)", strings.Join(args, " "))
}

// arguments requires the named arguments.
func arguments(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return usageError("Missing argument '%s'.", names[len(args)])
		}
		if len(args) > len(names) {
			return usageError("Got unexpected extra argument (%s)", strings.Join(args[len(names):], " "))
		}
		return nil
	}
}

func showHelp(cmd *cobra.Command, _ []string) error { return cmd.Help() }
