package server

import (
	"context"
	"path/filepath"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/vcs"
)

// packsBucket has what git repositories are made of.
const packsBucket = "vcs-repositories"

// startRepositories serves git repositories. Where other servers may take this one's
// place they are in the object store, and which ones there are is in the database.
func (s *Server) startRepositories(ctx context.Context) (err error) {
	c, p := &s.config, &s.platform
	kept := vcs.Config{Dir: filepath.Join(c.Data, "vcs"), BaseURL: s.URL(), MaxPush: c.VCSMaxPush << 20}
	if s.lease != nil && c.S3Endpoint != "" {
		if err := p.objects.EnsureBuckets(ctx, packsBucket); err != nil {
			return err
		}
		kept.Mirror = vcs.Mirror{Index: repositoryIndex(s.db), Packs: bucket{p.objects, packsBucket, "application/x-git-packed-objects"}}
	}
	if p.repositories, err = vcs.NewService(kept); err != nil {
		return err
	}
	if err := p.repositories.Start(ctx); err != nil {
		return err
	}
	s.onStop(p.repositories.Stop)
	s.mux.Handle(vcs.Prefix, p.repositories.Handler())
	return nil
}

// repositoryTable is an index of git repositories in the database, whose commits
// happen only while this server leads.
type repositoryTable struct {
	db      *store.DB
	records *store.Table[vcs.Record]
}

var _ vcs.Index = repositoryTable{}

func repositoryIndex(db *store.DB) repositoryTable {
	return repositoryTable{db, store.NewTable(db, store.Spec[vcs.Record]{Name: "vcs_repositories", Kind: "Repository",
		Key: func(r *vcs.Record) string { return r.Name }})}
}

func (t repositoryTable) All(ctx context.Context) ([]vcs.Record, error) {
	return t.records.List(ctx, store.Query{})
}

func (t repositoryTable) Put(ctx context.Context, r vcs.Record) error {
	return t.db.InTx(ctx, func(ctx context.Context) error {
		_, missing, err := t.records.Update(ctx, []string{r.Name}, func(old *vcs.Record) error {
			if !r.Follows(*old) {
				return fault.New(fault.Conflict, "its index is at generation %d", old.Generation)
			}
			*old = r
			return nil
		})
		if err != nil || len(missing) == 0 {
			return err
		}
		if !r.Follows(vcs.Record{}) {
			return fault.New(fault.Conflict, "its index is gone")
		}
		return t.records.Insert(ctx, r)
	})
}
