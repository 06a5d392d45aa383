package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/aee"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// shell enters the environment of a failed session that is held.
func (a *app) shell() *cobra.Command {
	cmd := a.verb("shell SESSION", "Enter the environment of a failed session that was created with debug_on_failure", arguments("SESSION"),
		func(cmd *cobra.Command, g *globals, args []string) error {
			if err := g.refuseFormat("a shell", "drover cfs v3 sessions describe tells of the session as data"); err != nil {
				return err
			}
			s, err := a.open(g)
			if err != nil {
				return err
			}
			var log struct {
				Held *struct {
					Directory string
					Until     time.Time
				}
			}
			if err := s.get(cmd.Context(), cfsSessions+httpapi.Segment(args[0])+"/log", &log); err != nil {
				return err
			}
			if log.Held == nil {
				return failed("session %s is not held: only one with debug_on_failure is, after Ansible failed, for the option debug_wait_time", args[0])
			}
			return a.enter(args[0], log.Held.Directory)
		})
	cmd.Long = "Enter the environment in which the playbook of a session failed: its files, inventory, keys and variables, on the server's machine.\n\n" +
		"The session waits until debug_wait_time is over, or the file that is named at the beginning is made."
	return cmd
}

// enter runs a shell where the session's playbook ran.
func (a *app) enter(session, dir string) error {
	if strings.HasPrefix(dir, aee.InPod) {
		return failed("session %s is held in its pod, which drover does not enter: %s", session, dir)
	}
	held, err := aee.ReadHeld(dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return failed("session %s is held in %s, which is not to be read from here: run this on the server's machine, as the user that the server runs as", session, dir)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(a.Stderr, "held until %s; what failed: %s\nto end it: touch %s/complete\n", held.Until.Format(time.TimeOnly), strings.Join(held.Command, " "), dir)
	shell := exec.Command(cmp.Or(os.Getenv("SHELL"), "/bin/sh"))
	shell.Dir, shell.Env = held.Dir, append(held.Env, "TERM="+cmp.Or(os.Getenv("TERM"), "dumb"))
	shell.Stdin, shell.Stdout, shell.Stderr = a.Stdin, a.Stdout, a.Stderr
	over, err := aee.Enter(dir, shell)
	if err != nil {
		return fmt.Errorf("enter %s: %w", dir, err)
	}
	interrupts := make(chan os.Signal, 1) // nobody reads them: they are the shell's, which would inherit it if they were ignored
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	var exit *exec.ExitError
	err = shell.Run()
	if why := over(); why != nil {
		return failed("the shell in %s: %v", dir, why)
	}
	if errors.As(err, &exit) {
		return &ExitError{Code: exit.ExitCode()}
	} else if err != nil {
		return fmt.Errorf("run the shell: %w", err)
	}
	return nil
}
