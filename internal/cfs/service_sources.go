package cfs

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// passwordMethod is the only authentication method there is.
const passwordMethod = "password"

// SourcePatch is a change of a source; nil fields stay.
type SourcePatch struct {
	Description *string
	CloneURL    *string
	// Username and Password change together or not at all.
	Username, Password string
	CACert             *CACert
	DropCACert         bool // an explicit null
}

// Sources returns a page of the sources, and whether there are more. inUse
// limits to those that a configuration or the options name, or that none does.
func (s *Service) Sources(ctx context.Context, inUse *bool, p Page) ([]Source, bool, error) {
	p, err := s.page(ctx, p)
	if err != nil {
		return nil, false, err
	}
	var match func(*Source) bool
	if inUse != nil {
		used, err := s.usedSources(ctx)
		if err != nil {
			return nil, false, err
		}
		match = func(src *Source) bool { return (used[src.Name] != "") == *inUse }
	}
	return readPage(ctx, s.sources, sourceName, store.Query{}, p, match)
}

// Source returns one source.
func (s *Service) Source(ctx context.Context, name string) (Source, error) {
	src, err := s.sources.Get(ctx, name)
	return src, titled(err, fault.NotFound, "Source not found")
}

// CreateSource adds a source with its credentials. The name defaults to the
// URL.
func (s *Service) CreateSource(ctx context.Context, src Source, username, password string) (Source, error) {
	src.Name = orDefault(src.Name, src.CloneURL)
	secret := Secret{Name: "cfs-source-credentials-" + s.cfg.NewID(), Username: username, Password: password, Server: gitServer(src.CloneURL)}
	src.Credentials = SourceCredentials{AuthenticationMethod: passwordMethod, SecretName: secret.Name}
	err := s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		if err := s.secrets.Insert(ctx, secret); err != nil {
			return err
		}
		return s.insertSource(ctx, &src)
	})
	return src, err
}

// RestoreSource adds a source that names a secret which need not exist.
func (s *Service) RestoreSource(ctx context.Context, src Source) (Source, error) {
	err := s.insertSource(ctx, &src)
	return src, err
}

// maxSourceName is in bytes: sources are named after repositories.
const maxSourceName = 240

func (s *Service) insertSource(ctx context.Context, src *Source) error {
	if len(src.Name) > maxSourceName {
		return fault.Titled(fault.Invalid, "Invalid source name", "expected at most %d bytes, got %d - 'name'", maxSourceName, len(src.Name))
	}
	if err := s.mayClone("clone_url", src.CloneURL); err != nil {
		return err
	}
	if err := fault.CheckName("name", src.Name); err != nil {
		return err
	}
	src.LastUpdated = timestamp(s.cfg.Now())
	src.CACert.complete()
	return titled(s.sources.Insert(ctx, *src), fault.Conflict, "Conflicting source name")
}

// PatchSource changes a source. If its URL changes, the components whose
// configurations use it get their new status.
func (s *Service) PatchSource(ctx context.Context, name string, p SourcePatch) (Source, error) {
	if (p.Username == "") != (p.Password == "") {
		return Source{}, fault.Titled(fault.Invalid, "Invalid credentials", "username and password can only be changed together")
	}
	if p.CloneURL != nil {
		if err := s.mayClone("clone_url", *p.CloneURL); err != nil {
			return Source{}, err
		}
	}
	var after Source
	err := s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		moved, elsewhere := false, false
		var err error
		after, err = s.sources.UpdateOne(ctx, name, func(src *Source) error {
			moved = p.CloneURL != nil && *p.CloneURL != src.CloneURL
			elsewhere = p.CloneURL != nil && gitServer(*p.CloneURL) != gitServer(src.CloneURL)
			set(&src.Description, p.Description)
			set(&src.CloneURL, p.CloneURL)
			if p.CACert != nil || p.DropCACert {
				src.CACert = p.CACert
				src.CACert.complete()
			}
			src.LastUpdated = timestamp(s.cfg.Now())
			if p.Username == "" {
				return nil
			}
			return s.secrets.Put(ctx, Secret{Name: src.Credentials.SecretName, Username: p.Username, Password: p.Password, Server: gitServer(src.CloneURL)})
		})
		if err != nil {
			return titled(err, fault.NotFound, "Source not found.")
		}
		if elsewhere && p.Username == "" { // who changes the server must not be told the password
			if _, err := s.secrets.Delete(ctx, after.Credentials.SecretName); err != nil {
				return err
			}
		}
		if !moved {
			return nil
		}
		users, err := s.configurationsOf(ctx, name)
		if err != nil || len(users) == 0 {
			return err
		}
		return s.reassess(ctx, users)
	})
	return after, err
}

// DeleteSource removes a source that nothing names, and its credentials.
func (s *Service) DeleteSource(ctx context.Context, name string) error {
	return s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		src, err := s.Source(ctx, name)
		if err != nil {
			return err
		}
		used, err := s.usedSources(ctx)
		if err != nil {
			return err
		}
		if by := used[name]; by != "" {
			return fault.Titled(fault.Invalid, "Source is in use.", "source '%s' is used by %s", name, by)
		}
		if _, err := s.sources.Delete(ctx, name); err != nil {
			return err
		}
		_, err = s.secrets.Delete(ctx, src.Credentials.SecretName)
		return err
	})
}

// usedSources says for each source in use what uses it. Configurations are
// few.
func (s *Service) usedSources(ctx context.Context) (map[string]string, error) {
	options, err := s.Options(ctx)
	if err != nil {
		return nil, err
	}
	all, err := s.configurations.List(ctx, store.Query{})
	if err != nil {
		return nil, err
	}
	used := map[string]string{}
	if options.AdditionalInventorySource != "" {
		used[options.AdditionalInventorySource] = "option additional_inventory_source"
	}
	for i := range all {
		for _, name := range all[i].sources() {
			used[name] = "configuration '" + all[i].Name + "'"
		}
	}
	return used, nil
}

// configurationsOf are the names of the configurations that use the source.
func (s *Service) configurationsOf(ctx context.Context, source string) ([]string, error) {
	all, err := s.configurations.List(ctx, store.Query{})
	var out []string
	for i := range all {
		if slices.Contains(all[i].sources(), source) {
			out = append(out, all[i].Name)
		}
	}
	return out, err
}

// sourceURLs maps the sources that exist to their repositories.
func (s *Service) sourceURLs(ctx context.Context, names []string) (map[string]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	found, err := s.sources.List(ctx, store.Query{Keys: names})
	if err != nil {
		return nil, err
	}
	urls := map[string]string{}
	for _, src := range found {
		urls[src.Name] = src.CloneURL
	}
	return urls, nil
}

// Repository is where git finds the source, with its credentials. It is for
// whoever runs git; the interface never answers them.
func (s *Service) Repository(ctx context.Context, source string) (Repository, error) {
	src, err := s.Source(ctx, source)
	if err != nil {
		return Repository{}, err
	}
	return s.repository(ctx, src)
}

func (s *Service) repository(ctx context.Context, src Source) (Repository, error) {
	secret, err := s.secrets.Get(ctx, src.Credentials.SecretName)
	if fault.Is(err, fault.NotFound) || err == nil && secret.Server != "" && secret.Server != gitServer(src.CloneURL) {
		return Repository{}, fault.Titled(fault.Invalid, "Error converting branch name to commit",
			"the credentials of source '%s' (secret '%s') do not exist, or were given for another server; set username and password anew", src.Name, src.Credentials.SecretName)
	}
	return Repository{URL: src.CloneURL, Secret: &secret}, err
}

// gitServer is the part of a clone URL that says whom git talks to, and how; a path
// has none.
func gitServer(cloneURL string) string {
	if u, err := url.Parse(cloneURL); err == nil && u.Host != "" {
		return strings.ToLower(u.Scheme + "://" + u.Host)
	}
	server, _, remote := strings.Cut(cloneURL, ":") // user@host:path, as scp has it
	if !remote || strings.Contains(server, "/") {
		return ""
	}
	_, host, named := strings.Cut(server, "@")
	if !named {
		host = server
	}
	return "ssh://" + strings.ToLower(host)
}

func (c *CACert) complete() {
	if c != nil {
		c.ConfigMapNamespace = orDefault(c.ConfigMapNamespace, "services")
	}
}
