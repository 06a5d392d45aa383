package cli

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/vcs"
)

const repositories = "/apis/drover/v1/vcs/repositories"

// vcs is about the git repositories that the server keeps.
func (a *app) vcs() *cobra.Command {
	create := a.verb("create ORG/NAME", "Create an empty repository", arguments("ORG/NAME"), a.createRepository)
	create.Long = "Create an empty git repository and print it. Push to its clone_url; layers of configurations may name it by that,\n" +
		"or as https://HOST" + vcs.Prefix + "ORG/NAME.git with a HOST of `drover serve --vcs-hosts`."
	yes := false
	remove := a.verb("delete ORG/NAME", "Delete a repository and all that was pushed to it", arguments("ORG/NAME"),
		func(cmd *cobra.Command, g *globals, args []string) error {
			path, err := repositoryPath(args[0])
			if err != nil {
				return err
			}
			s, err := a.open(g)
			if err != nil {
				return err
			}
			if !yes && !a.confirm(fmt.Sprintf("Delete repository %s and all that was pushed to it?", args[0])) {
				return abort
			}
			return s.call(cmd.Context(), http.MethodDelete, path, nil, nil)
		})
	remove.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	list := a.verb("list", "List the repositories", arguments(), func(cmd *cobra.Command, g *globals, _ []string) error {
		s, err := a.open(g)
		if err != nil {
			return err
		}
		var list []vcs.Repository
		if err := s.get(cmd.Context(), repositories, &list); err != nil {
			return err
		}
		return s.print(list)
	})
	top := group("vcs", "Git repositories that the server keeps")
	top.AddCommand(create, list, remove)
	return top
}

func (a *app) createRepository(cmd *cobra.Command, g *globals, args []string) error {
	org, name, err := repositoryName(args[0])
	if err != nil {
		return err
	}
	s, err := a.open(g)
	if err != nil {
		return err
	}
	var made vcs.Repository
	if err := s.call(cmd.Context(), http.MethodPost, repositories, map[string]string{"org": org, "name": name}, &made); err != nil {
		return err
	}
	return s.print(made)
}

// repositoryName is ORG/NAME in its halves. The server checks them.
func repositoryName(text string) (org, name string, err error) {
	org, name, found := strings.Cut(text, "/")
	if !found || org == "" || name == "" || strings.Contains(name, "/") {
		return "", "", usageError("Invalid value for 'ORG/NAME': expected an organization and a name, such as cray/site-config, got '%s'.", text)
	}
	return org, name, nil
}

func repositoryPath(text string) (string, error) {
	org, name, err := repositoryName(text)
	return repositories + "/" + httpapi.Segment(org) + "/" + httpapi.Segment(name), err
}
