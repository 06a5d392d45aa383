package cli

import (
	"io"
	"net/http"

	"github.com/spf13/cobra"
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
	// Commands are mounted beside the others, such as "serve".
	Commands []*cobra.Command
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
