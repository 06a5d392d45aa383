package bss

import (
	"context"
	"time"
	"unique"

	"github.com/google/uuid"

	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
)

// HostsTable is the name under which changes of hosts' boot parameters are
// hinted.
const HostsTable = "bss_hosts"

const (
	imagesTable     = "bss_images"
	keptImagesTable = "bss_kept_images"
)

// Presigner makes URLs by which a node can fetch an S3 object without
// credentials until ttl is about over. It is asked for each URL of each script.
type Presigner interface {
	Presign(ctx context.Context, s3URL, node string, ttl time.Duration) (string, error)
}

// Config is what a Service works with.
type Config struct {
	DB        *store.DB
	Journal   *journal.Journal
	Hub       *events.Hub // carries the hints of DB and, if embedded, of HSM
	Inventory Inventory
	// WakeOn are the tables of HSM (hsm.ComponentsTable,
	// hsm.ComponentEndpointsTable, hsm.EthernetInterfacesTable) whose changes
	// Hub tells. The others are read again every ten minutes, and whenever a
	// host is not found.
	WakeOn    []string
	Presigner Presigner
	// ChainBase is the URL of this service as hosts see it, such as
	// https://api-gw-service-nmn.local/apis/bss.
	ChainBase string
	// CloudInitBase is the URL below which hosts find /meta-data and
	// /user-data; empty leaves it out of the kernel command line.
	CloudInitBase string
	// RetrySleep is what a host waits before it asks again after a failed
	// boot, in whole seconds; 0 is 30 s.
	RetrySleep time.Duration
	// JoinToken issues a SPIRE join token for ${SPIRE_JOIN_TOKEN} in kernel
	// parameters; nil leaves the placeholder as it is.
	JoinToken func(ctx context.Context, xname string) (string, error)
	Now       func() time.Time
}

// Service keeps boot parameters and serves boot scripts.
type Service struct {
	cfg     Config
	hosts   *store.Table[host]
	images  *store.Table[image]
	kept    *store.Table[image] // without parameters
	history *history

	// What boot scripts are made from.
	hostMirror  *mirror[host]
	imageMirror *mirror[image]
	unknowns    map[string]bool // hosts named Unknown-*; guarded by hostMirror
	inventory   *inventory
}

// NewService returns the service. It answers at once; Start makes it write the
// endpoint history down.
func NewService(cfg Config) *Service {
	if cfg.RetrySleep == 0 {
		cfg.RetrySleep = 30 * time.Second
	}
	s := &Service{
		cfg: cfg,
		hosts: store.NewTable(cfg.DB, store.Spec[host]{
			Name: HostsTable, Kind: "Boot parameters of host", Held: true, Shared: (*host).shared, Key: func(h *host) string { return h.Name },
			Indexes: []store.Index[host]{
				{Column: "kernel", Of: func(h *host) string { return h.Kernel }},
				{Column: "initrd", Of: func(h *host) string { return h.Initrd }},
			}}),
		images: store.NewTable(cfg.DB, store.Spec[image]{
			Name: imagesTable, Kind: "Boot parameters of image", Held: true,
			Key: func(i *image) string { return i.key() }}),
		kept: store.NewTable(cfg.DB, store.Spec[image]{
			Name: keptImagesTable, Kind: "Image", Key: func(i *image) string { return i.key() }}),
		history:   newHistory(cfg.DB, cfg.Now),
		unknowns:  map[string]bool{},
		inventory: newInventory(cfg),
	}
	s.hostMirror = &mirror[host]{now: cfg.Now, hints: cfg.Hub.Subscribe(HostsTable), load: s.loadHosts, changed: s.noteUnknown}
	s.imageMirror = &mirror[image]{now: cfg.Now, hints: cfg.Hub.Subscribe(imagesTable), load: s.loadImages}
	return s
}

// loadHosts reads entries for the mirror. What many have in common is in
// memory once.
func (s *Service) loadHosts(ctx context.Context, keys []string) (map[string]host, error) {
	found, err := s.hosts.List(ctx, store.Query{Keys: keys})
	rows := make(map[string]host, len(found))
	for _, h := range found {
		for _, text := range []*string{&h.Params, &h.Kernel, &h.Initrd, &h.Token} {
			*text = unique.Make(*text).Value()
		}
		rows[h.Name] = h
	}
	return rows, err
}

func (s *Service) loadImages(ctx context.Context, keys []string) (map[string]image, error) {
	found, err := s.images.List(ctx, store.Query{Keys: keys})
	rows := make(map[string]image, len(found))
	for _, i := range found {
		rows[i.key()] = i
	}
	return rows, err
}

// Start begins to write the endpoint history down.
func (s *Service) Start(ctx context.Context) { s.history.start(ctx) }

// Stop writes the rest of it and ends the subscriptions.
func (s *Service) Stop() {
	s.history.stop()
	s.hostMirror.hints.Close()
	s.imageMirror.hints.Close()
	s.inventory.close()
}

// Create stores new entries and returns their referral token, which is empty
// if only an image's parameters were set. A host that has an entry is a
// fault.Invalid, as in the published interface, and nothing is stored.
func (s *Service) Create(ctx context.Context, p BootParameters) (token string, err error) {
	return s.write(ctx, p, func(ctx context.Context, entries []host) error {
		names := make([]string, len(entries))
		for i := range entries {
			names[i] = entries[i].Name
		}
		old, err := s.hosts.List(ctx, store.Query{Keys: names, Limit: 1})
		if err == nil && len(old) > 0 {
			err = fault.New(fault.Invalid, "Already exists: %s", old[0].Name)
		}
		if err != nil {
			return err
		}
		return s.hosts.Insert(ctx, entries...)
	})
}

// Replace stores entries in place of those that exist, all in one
// transaction, and returns their new referral token, which is empty if only an
// image's parameters were set.
func (s *Service) Replace(ctx context.Context, p BootParameters) (token string, err error) {
	return s.write(ctx, p, func(ctx context.Context, entries []host) error {
		return s.hosts.Put(ctx, entries...)
	})
}

func (s *Service) write(ctx context.Context, p BootParameters, put func(context.Context, []host) error) (token string, err error) {
	names, err := s.writes(ctx, p)
	if err != nil {
		return "", err
	}
	if len(names) == 0 {
		own, err := p.ownImage()
		if err != nil {
			return "", err
		}
		return "", s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
			if err := s.usersFit(ctx, own); err != nil {
				return err
			}
			return s.images.Put(ctx, own)
		})
	}
	token = uuid.NewString()
	if err := s.fits(ctx, names, token, p); err != nil {
		return "", err
	}
	entries := make([]host, len(names))
	for i, name := range names {
		entries[i] = newHost(name, token, p)
	}
	err = s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		if err := put(ctx, entries); err != nil {
			return err
		}
		return s.keepImages(ctx, p.images())
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

// Patch changes what p says of entries that exist; their tokens stay. A host
// without an entry is a fault.NotFound and nothing is changed.
func (s *Service) Patch(ctx context.Context, p BootParameters) error {
	names, err := s.writes(ctx, p)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		own, err := p.ownImage()
		if err != nil {
			return err
		}
		return s.patchImage(ctx, own)
	}
	return s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		_, missing, err := s.hosts.Update(ctx, names, func(h *host) error {
			h.merge(p)
			return s.fits(ctx, []string{h.Name}, h.Token, h.published())
		})
		if err != nil {
			return err
		}
		for _, name := range missing {
			if name != GlobalHost { // Global is there from the beginning, empty
				return fault.New(fault.NotFound, "host '%s' has no boot parameters", name)
			}
			if err := s.hosts.Insert(ctx, newHost(name, "", p)); err != nil {
				return err
			}
		}
		return s.keepImages(ctx, p.images())
	})
}

// Delete removes the entries that p names; p's kernel and initrd mean those
// images' entries, which the hosts that refer to them lose too. One that does
// not exist is a fault.Invalid and nothing is removed.
func (s *Service) Delete(ctx context.Context, p BootParameters) error {
	names, err := s.names(ctx, p)
	if err != nil {
		return err
	}
	images := p.images()
	if len(names) == 0 && len(images) == 0 {
		return fault.New(fault.Invalid, "nothing to delete: expected hosts, macs, nids, kernel or initrd")
	}
	return s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		gone, err := s.hosts.Delete(ctx, names...)
		if err != nil {
			return err
		}
		if name := firstMissing(names, gone); name != "" {
			return fault.New(fault.Invalid, "host '%s' has no boot parameters", name)
		}
		for _, i := range images {
			if err := s.deleteImage(ctx, i); err != nil {
				return err
			}
		}
		return nil
	})
}

// writes is names for what is to be stored.
func (s *Service) writes(ctx context.Context, p BootParameters) ([]string, error) {
	if err := p.fixed(); err != nil {
		return nil, err
	}
	return s.names(ctx, p)
}

// names are the keys of the hosts that p names: MACs and NIDs become xnames
// where HSM knows them. Damaged parameters are refused.
func (s *Service) names(ctx context.Context, p BootParameters) ([]string, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	switch {
	case len(p.Hosts) > 0:
		return keys(p.Hosts, hostKey, "name of a host", "hosts")
	case len(p.MACs) > 0:
		macs, err := keys(p.MACs, macKey, "MAC address", "macs")
		if err != nil {
			return nil, err
		}
		return s.resolve(ctx, macs, s.inventory.byMAC)
	case len(p.NIDs) > 0:
		names, err := nidNames(p.NIDs)
		if err != nil {
			return nil, err
		}
		return s.resolve(ctx, names, s.inventory.byNIDName)
	}
	return nil, nil
}

func (s *Service) resolve(ctx context.Context, names []string, find func(context.Context, string) (string, error)) ([]string, error) {
	out := make([]string, 0, len(names))
	seen := make(map[string]bool, len(names))
	for _, name := range names {
		xname, err := find(ctx, name)
		if err != nil {
			return nil, err
		}
		take(&name, xname)
		if !seen[name] { // else two MACs of one node
			seen[name] = true
			out = append(out, name)
		}
	}
	return out, nil
}

// firstMissing is the first of the names that is not among the entries.
func firstMissing(names []string, entries []host) string {
	have := make(map[string]bool, len(entries))
	for i := range entries {
		have[entries[i].Name] = true
	}
	for _, n := range names {
		if !have[n] {
			return n
		}
	}
	return ""
}
