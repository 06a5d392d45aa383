package cfs

import (
	"context"
	"net/url"
	"reflect"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/vcs"
)

// ConfigurationFilter selects configurations.
type ConfigurationFilter struct {
	InUse  *bool  // only those that some component desires, or that none does
	Tenant string // only this tenant's; empty: all
}

// Configurations returns a page of the configurations that the filter selects,
// and whether there are more.
func (s *Service) Configurations(ctx context.Context, f ConfigurationFilter, p Page) ([]Configuration, bool, error) {
	if err := s.tenant(ctx, f.Tenant); err != nil {
		return nil, false, err
	}
	p, err := s.page(ctx, p)
	if err != nil {
		return nil, false, err
	}
	var used map[string]bool
	if f.InUse != nil {
		if used, err = s.desired(ctx); err != nil {
			return nil, false, err
		}
	}
	return readPage(ctx, s.configurations, configurationName, store.Query{}, p, func(c *Configuration) bool {
		return (f.Tenant == "" || c.TenantName == f.Tenant) && (f.InUse == nil || used[c.Name] == *f.InUse)
	})
}

// desired tells which configurations some component desires; one look at an
// index for each, for configurations are few.
func (s *Service) desired(ctx context.Context) (map[string]bool, error) {
	all, err := s.configurations.List(ctx, store.Query{})
	if err != nil {
		return nil, err
	}
	out := make(map[string]bool, len(all))
	for i := range all {
		n, err := s.users(ctx, all[i].Name)
		if err != nil {
			return nil, err
		}
		out[all[i].Name] = n > 0
	}
	return out, nil
}

// users counts the components that desire the configuration.
func (s *Service) users(ctx context.Context, name string) (int, error) {
	return s.components.Count(ctx, store.Query{Where: []store.Match{store.Is("desired_config", name)}})
}

// Configuration returns one configuration, if the tenant may see it.
func (s *Service) Configuration(ctx context.Context, name, tenant string) (Configuration, error) {
	if err := s.tenant(ctx, tenant); err != nil {
		return Configuration{}, err
	}
	return s.ownConfiguration(ctx, name, tenant)
}

// ownConfiguration is the configuration if the tenant, known to exist, owns it.
func (s *Service) ownConfiguration(ctx context.Context, name, tenant string) (Configuration, error) {
	c, err := s.configurations.Get(ctx, name)
	if err != nil {
		return c, titled(err, fault.NotFound, "Configuration not found")
	}
	return c, c.checkOwner(tenant)
}

func (c *Configuration) checkOwner(tenant string) error {
	if tenant != "" && c.TenantName != tenant {
		return fault.Titled(fault.Forbidden, "Forbidden operation.", "configuration '%s' does not belong to tenant '%s'", c.Name, tenant)
	}
	return nil
}

// PutOptions says how PutConfiguration behaves.
type PutOptions struct {
	Tenant       string // who asks; empty is the administrator
	DropBranches bool   // store the commits only
	// KeepTenant leaves the owner of an existing configuration as it is: v2
	// has no word for it.
	KeepTenant  bool
	BranchTitle string // summary of the error about branch and commit
}

// PutConfiguration replaces or makes the configuration, with the commits of
// its branches looked up. Components that desire it get their new status in
// the same transaction.
func (s *Service) PutConfiguration(ctx context.Context, c Configuration, o PutOptions) (Configuration, error) {
	c, err := s.checked(ctx, c, o)
	if err == nil {
		err = s.resolve(ctx, &c)
	}
	if err != nil {
		return c, err
	}
	if o.DropBranches {
		for _, l := range c.all() {
			l.Branch = ""
		}
	}
	err = s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		old, err := s.ownConfiguration(ctx, c.Name, o.Tenant)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		if o.KeepTenant && err == nil {
			c.TenantName = old.TenantName
		}
		return s.storeConfiguration(ctx, &c)
	})
	return c, err
}

// checked is the configuration as it can be stored but for commits, if it is right and who
// asks may write it.
func (s *Service) checked(ctx context.Context, c Configuration, o PutOptions) (Configuration, error) {
	if len(c.Name) > maxConfigurationNameV2 {
		return c, fault.New(fault.Invalid, "expected length <= %d - 'name'", maxConfigurationNameV2)
	}
	if err := fault.CheckName("name", c.Name); err != nil {
		return c, err
	}
	if err := s.tenant(ctx, o.Tenant); err != nil {
		return c, err
	}
	if o.Tenant != "" && c.TenantName != "" && c.TenantName != o.Tenant {
		return c, fault.Titled(fault.Forbidden, "Forbidden operation.", "tenant '%s' cannot give a configuration to tenant '%s'", o.Tenant, c.TenantName)
	}
	if _, err := s.ownConfiguration(ctx, c.Name, o.Tenant); err != nil && !fault.Is(err, fault.NotFound) {
		return c, err
	}
	if c.Layers == nil {
		c.Layers = []Layer{}
	}
	if err := c.checkLayers(o.BranchTitle); err != nil {
		return c, err
	}
	if err := s.mayCloneAll(&c); err != nil {
		return c, err
	}
	if o.Tenant != "" {
		c.TenantName = o.Tenant
	}
	return c, nil
}

// mayCloneAll refuses repositories that sessions must not use.
func (s *Service) mayCloneAll(c *Configuration) error {
	for i, l := range c.Layers {
		if err := s.mayClone("layers["+strconv.Itoa(i)+"].clone_url", l.CloneURL); err != nil {
			return err
		}
	}
	if c.AdditionalInventory != nil {
		return s.mayClone("additional_inventory.clone_url", c.AdditionalInventory.CloneURL)
	}
	return nil
}

// mayClone refuses the repository in the field if sessions must not use it, a
// password that everybody who reads the field would see, and control characters.
func (s *Service) mayClone(field, cloneURL string) error {
	if err := fault.CheckName(field, cloneURL); err != nil {
		return err
	}
	if hasPassword(cloneURL) {
		return fault.New(fault.Invalid, "the clone URL has a password, which would be answered to everybody who reads it: expected none; "+
			"have a source keep it (`drover cfs v3 sources create`), and name the source in place of the URL - '%s'", field)
	}
	if cloneURL == "" || s.cfg.MayClone == nil {
		return nil
	}
	if err := s.cfg.MayClone(cloneURL); err != nil {
		return fault.New(fault.Invalid, "%w - '%s'", err, field)
	}
	return nil
}

func hasPassword(cloneURL string) bool {
	u, err := url.Parse(cloneURL)
	if err != nil || u.User == nil {
		return false
	}
	_, has := u.User.Password()
	return has
}

// storeConfiguration writes c, whose branches are looked up, inside a
// transaction.
func (s *Service) storeConfiguration(ctx context.Context, c *Configuration) error {
	options, err := s.Options(ctx)
	if err != nil {
		return err
	}
	urls, err := s.sourceURLs(ctx, c.sources())
	if err != nil {
		return err
	}
	for _, name := range c.sources() { // one may have gone since the look-up
		if urls[name] == "" {
			return noSource(name)
		}
	}
	if err := c.checkDuplicates(urls, options.DefaultPlaybook); err != nil {
		return err
	}
	c.LastUpdated = timestamp(s.cfg.Now())
	if err := s.configurations.Put(ctx, *c); err != nil {
		return err
	}
	return s.reassess(ctx, []string{c.Name})
}

// UpdateBranches looks the commits of a configuration's branches up anew.
func (s *Service) UpdateBranches(ctx context.Context, name, tenant string) (Configuration, error) {
	if err := s.tenant(ctx, tenant); err != nil {
		return Configuration{}, err
	}
	for {
		before, err := s.ownConfiguration(ctx, name, tenant)
		if err != nil {
			return before, err
		}
		after := before.clone()
		if err := s.resolve(ctx, &after); err != nil {
			return before, err
		}
		replaced := false
		err = s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
			now, err := s.ownConfiguration(ctx, name, tenant)
			if err != nil {
				return err
			}
			if replaced = !reflect.DeepEqual(now, before); replaced {
				return nil // somebody was faster; begin again with theirs
			}
			return s.storeConfiguration(ctx, &after)
		})
		if err != nil || !replaced {
			return after, err
		}
	}
}

// DeleteConfiguration removes a configuration that no component desires.
func (s *Service) DeleteConfiguration(ctx context.Context, name, tenant string) error {
	if err := s.tenant(ctx, tenant); err != nil {
		return err
	}
	return s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		if _, err := s.ownConfiguration(ctx, name, tenant); err != nil {
			return err
		}
		n, err := s.users(ctx, name)
		if err != nil {
			return err
		}
		if n > 0 {
			return fault.Titled(fault.Invalid, "Configuration is in use.", "configuration '%s' is the desired configuration of %d components", name, n)
		}
		_, err = s.configurations.Delete(ctx, name)
		return err
	})
}

// lookup is what is to be asked of one repository.
type lookup struct {
	repo   Repository
	layers []*Layer
	names  []string
}

// resolve sets the commit of each layer that has a branch: one look-up per
// repository, all at once, within the deadline.
func (s *Service) resolve(ctx context.Context, c *Configuration) error {
	lookups, err := s.lookups(ctx, c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ResolveTimeout)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	for _, look := range lookups {
		group.Go(func() error {
			commits, err := s.cfg.Resolver.Resolve(ctx, look.repo, look.names)
			if err != nil {
				return fault.Titled(fault.Invalid, "Error converting branch name to commit", "%s: %w", vcs.Shown(look.repo.URL), err)
			}
			for _, l := range look.layers {
				l.Commit = commits[l.Branch]
			}
			return nil
		})
	}
	return group.Wait()
}

// lookups collects the layers with branches by repository and source, and
// checks that the sources exist.
func (s *Service) lookups(ctx context.Context, c *Configuration) (map[[2]string]*lookup, error) {
	sources, err := s.sources.List(ctx, store.Query{Keys: append([]string{}, c.sources()...)})
	if err != nil {
		return nil, err
	}
	byName := map[string]Source{}
	for _, src := range sources {
		byName[src.Name] = src
	}
	out := map[[2]string]*lookup{}
	for _, l := range c.all() {
		src, found := byName[l.Source]
		if l.Source != "" && !found {
			return nil, noSource(l.Source)
		}
		if l.Branch == "" {
			continue
		}
		repo := Repository{URL: l.CloneURL}
		if l.Source != "" {
			if repo, err = s.repository(ctx, src); err != nil {
				return nil, err
			}
		}
		key := [2]string{repo.URL, l.Source}
		if out[key] == nil {
			out[key] = &lookup{repo: repo}
		}
		out[key].layers, out[key].names = append(out[key].layers, l), append(out[key].names, l.Branch)
	}
	return out, nil
}

func noSource(name string) error {
	return fault.Titled(fault.Invalid, "Source does not exist", "source '%s' does not exist", name)
}
