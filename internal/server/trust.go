package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/drover-hpc/drover/internal/aee/trust"
	"github.com/drover-hpc/drover/internal/aee/trust/publish"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// secret is something that the servers on one database share.
type secret struct {
	Name  string `json:"name"`
	Value []byte `json:"value"`
}

// authorityKey is the SSH authority's key: its name among the secrets and below
// the data directory.
const authorityKey = "trust/ca"

// startTrust keeps the SSH authority's public key where nodes look for it, and
// returns the authority's directory.
func (s *Server) startTrust(ctx context.Context) (dir string, err error) {
	dir = filepath.Join(s.config.Data, "trust")
	if s.lease != nil {
		if err := s.fetchAuthority(ctx); err != nil {
			return "", err
		}
	}
	authority, err := trust.Open(dir, s.now)
	if err != nil {
		return "", err
	}
	if s.lease != nil {
		if err := s.shareAuthority(ctx); err != nil {
			return "", err
		}
	}
	published := publish.NewLoop(s.hub, authority.PublicKey(), s.platform.bss)
	published.Start(context.WithoutCancel(ctx))
	s.onStop(published.Stop)
	return dir, nil
}

func (s *Server) secrets() *store.Table[secret] { return secretsOf(s.db) }

func secretsOf(db *store.DB) *store.Table[secret] {
	return store.NewTable(db, store.Spec[secret]{Name: "site_secrets", Kind: "Secret", Key: func(v *secret) string { return v.Name }})
}

// fetchAuthority takes over the key that another server on the database has
// made: nodes trust one.
func (s *Server) fetchAuthority(ctx context.Context) error {
	shared, err := s.secrets().Get(ctx, authorityKey)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("SSH certificate authority: %w", err)
	}
	path := filepath.Join(s.config.Data, authorityKey)
	here, err := os.ReadFile(path)
	if err == nil && string(here) == string(shared.Value) {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("SSH certificate authority: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("SSH certificate authority: %w", err)
	}
	if err := writePrivate(path, shared.Value); err != nil {
		return fmt.Errorf("SSH certificate authority: %w", err)
	}
	return nil
}

// shareAuthority gives the key to the servers to come.
func (s *Server) shareAuthority(ctx context.Context) error {
	value, err := os.ReadFile(filepath.Join(s.config.Data, authorityKey))
	if err == nil {
		err = s.secrets().Put(ctx, secret{Name: authorityKey, Value: value})
	}
	if err != nil {
		return fmt.Errorf("share the SSH certificate authority: %w", err)
	}
	return nil
}
