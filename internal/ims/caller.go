package ims

import (
	"context"
	"slices"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/fault"
)

// A session of CFS has jobs and a key of its own here, which bear its name. Its job, in
// which playbooks run, sees to those and to no others.

// SessionKey is the name of the key by which a session of CFS opens images.
func SessionKey(session string) string { return "cfs_" + session }

// ofSession is the session whose job asks; empty: no session's job does.
func ofSession(ctx context.Context) string {
	who := auth.Of(ctx)
	if who == nil || who.Role != auth.Job {
		return ""
	}
	return who.ID
}

func onlyOwnKey(ctx context.Context, name string) error {
	if session := ofSession(ctx); session != "" && name != SessionKey(session) {
		return fault.New(fault.Forbidden, "session %s has the public key '%s' and no other, got '%s'", session, SessionKey(session), name)
	}
	return nil
}

// onlyOwnJob is for a job that customizes an image, with a shell of the session's name.
func onlyOwnJob(ctx context.Context, kind JobType, shells []SSHContainer) error {
	session := ofSession(ctx)
	if session == "" {
		return nil
	}
	foreign := func(c SSHContainer) bool { return c.Name != session }
	if kind != Customize || len(shells) == 0 || slices.ContainsFunc(shells, foreign) {
		return fault.New(fault.Forbidden, "session %s has jobs that customize images, with a shell of its name: it sees to no others", session)
	}
	return nil
}
