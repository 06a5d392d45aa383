package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"
)

// cagedSessions is how many pairs of sessions are compared.
const cagedSessions = 15

// cages measures what the cage adds to a session: the same one of a server that keeps
// playbooks apart and of one that does not, in turns.
func cages(ctx context.Context, b *bench) error {
	dir, repo, err := prepareSite(ctx)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	build := b.builds[len(b.builds)-1] // an older one may know no cage
	var labs [2]*lab
	for i, uncaged := range []bool{true, false} {
		if labs[i], err = startLab(ctx, build, 0, setup{RealSessions: true, Uncaged: uncaged}); err != nil {
			return err
		}
		defer labs[i].stop()
		if err := labs[i].prepareAnsible(ctx, repo); err != nil {
			return err
		}
	}
	var without, more []time.Duration
	for i := range cagedSessions + 1 {
		var took [2]time.Duration
		for j, l := range labs {
			if took[j], err = l.configure(ctx, fmt.Sprintf("bench-%d", i)); err != nil {
				return err
			}
		}
		if i > 0 { // the first fills caches
			without, more = append(without, took[0]), append(more, took[1]-took[0])
		}
	}
	slices.Sort(more)
	r := row{name: "cage", build: build.name, goal: "more ms <= 30"}
	r.add("more_ms", more[len(more)/2].Seconds()*1000)
	r.add("first_quarter_ms", more[len(more)/4].Seconds()*1000)
	r.add("third_quarter_ms", more[3*len(more)/4].Seconds()*1000)
	r.add("session_seconds_without", middle(without).Seconds())
	return b.print(r)
}
