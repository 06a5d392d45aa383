package cli

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/httpapi"
)

const tokens = "/apis/drover/v1/tokens"

// tokenCommands are `auth tokens`, `auth whoami` and `auth can-i`.
func (a *app) tokenCommands() []*cobra.Command {
	var want auth.TokenWanted
	create := a.verb("create NAME", "Create a token and print it, this once", arguments("NAME"),
		func(cmd *cobra.Command, g *globals, args []string) error {
			s, err := a.open(g)
			if err != nil {
				return err
			}
			want.Name = args[0]
			var made auth.TokenMade
			if err := s.call(cmd.Context(), http.MethodPost, tokens, want, &made); err != nil {
				return err
			}
			return s.print(made)
		})
	create.Long = "Create a token for NAME and print it. It is told this once: the server keeps only by what to recognise it.\n" +
		"Put it into a file that only its holder reads, and name that with --token or in " + auth.TokenFileVariable + "."
	create.Flags().StringVar((*string)(&want.Role), "role", string(auth.Operator), "what its holder may do: administrator, operator (boots, configures, switches power, makes images),\nauditor (reads all but secrets), tenant (the nodes of one tenant)")
	create.Flags().StringVar(&want.Tenant, "tenant", "", "tenant, for the role tenant")
	create.Flags().StringVar(&want.Lasts, "lasts", "", "time for which it counts, such as 720h; 90 days if not given")
	revoke := a.verb("revoke ID", "End a token at once", arguments("ID"), func(cmd *cobra.Command, g *globals, args []string) error {
		s, err := a.open(g)
		if err != nil {
			return err
		}
		return s.call(cmd.Context(), http.MethodDelete, tokens+"/"+httpapi.Segment(args[0]), nil, nil)
	})
	top := group("tokens", "Tokens that the server gives out itself")
	top.AddCommand(create, revoke, a.shows("list", "List the tokens, without their text", tokens, new([]auth.Token)))
	return []*cobra.Command{top, a.shows("whoami", "Show who the server takes this for", "/apis/drover/v1/whoami", new(auth.Caller)), a.canI(), a.gitCredential()}
}

// shows is a command that prints what the server has at the path, decoded into out.
func (a *app) shows(use, short, path string, out any) *cobra.Command {
	return a.verb(use, short, arguments(), func(cmd *cobra.Command, g *globals, _ []string) error {
		s, err := a.open(g)
		if err != nil {
			return err
		}
		if err := s.get(cmd.Context(), path, out); err != nil {
			return err
		}
		return s.print(out)
	})
}

// canI is `auth can-i METHOD PATH`.
func (a *app) canI() *cobra.Command {
	return a.verb("can-i METHOD PATH", "Show whether a call is allowed, such as POST /apis/bos/v2/sessions", arguments("METHOD", "PATH"),
		func(cmd *cobra.Command, g *globals, args []string) error {
			s, err := a.open(g)
			if err != nil {
				return err
			}
			var p auth.Permission
			query := url.Values{"method": {strings.ToUpper(args[0])}, "path": {args[1]}}
			if err := s.get(cmd.Context(), "/apis/drover/v1/can-i?"+query.Encode(), &p); err != nil {
				return err
			}
			return s.print(p)
		})
}

// gitCredential is `auth git-credential`, a credential helper of git (see
// gitcredentials(7)): it knows the password of the gateway alone.
func (a *app) gitCredential() *cobra.Command {
	cmd := a.verb("git-credential OPERATION", "Have git show the token to the server's repositories", arguments("OPERATION"),
		func(cmd *cobra.Command, g *globals, args []string) error {
			asked := map[string]string{}
			lines := bufio.NewScanner(a.Stdin)
			for lines.Scan() && lines.Text() != "" {
				key, value, _ := strings.Cut(lines.Text(), "=")
				asked[key] = value
			}
			s, err := a.open(g)
			if err != nil || lines.Err() != nil {
				return errors.Join(err, lines.Err())
			}
			at, err := url.Parse(s.gateway.base)
			if args[0] != "get" || err != nil || s.gateway.token == nil || asked["protocol"] != at.Scheme || auth.Host(asked["host"]) != auth.Host(at.Host) {
				return nil // it is for another helper to know
			}
			_, err = fmt.Fprintf(a.Stdout, "username=drover\npassword=%s\n", s.gateway.token.AccessToken)
			return err
		})
	cmd.Long = "A credential helper of git, which shows the token of these commands to the server's own repositories, and to no other host:\n\n" +
		"  git config --global credential.helper '!" + a.name + " auth git-credential'"
	return cmd
}
