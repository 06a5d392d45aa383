package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"
)

// confirm asks a question to be answered with yes.
func (a *app) confirm(question string) bool {
	answer, err := a.ask(question + " [y/N]: ")
	return err == nil && slices.Contains([]string{"y", "yes"}, strings.ToLower(answer))
}

// ask prints a prompt and reads a line. The end of the input aborts.
func (a *app) ask(prompt string) (string, error) {
	fmt.Fprint(a.Stdout, prompt)
	line, err := a.lines.ReadString('\n')
	if err != nil && (line == "" || !errors.Is(err, io.EOF)) {
		return "", abort
	}
	return strings.TrimSpace(line), nil
}

// askSecret is ask without echo where the input is a terminal.
func (a *app) askSecret(prompt string) (string, error) {
	f, ok := a.Stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return a.ask(prompt)
	}
	fmt.Fprint(a.Stdout, prompt)
	secret, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(a.Stdout)
	if err != nil {
		return "", abort
	}
	return string(secret), nil
}

// attended tells whether somebody types: what is destructive is asked for then.
func (a *app) attended() bool {
	f, is := a.Stdin.(*os.File)
	return is && term.IsTerminal(int(f.Fd()))
}
