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
	var without, more, cpu []time.Duration
	for i := range cagedSessions + 1 {
		var took, used [2]time.Duration
		for j, l := range labs {
			if took[j], used[j], err = l.configureMeasured(ctx, fmt.Sprintf("bench-%d", i)); err != nil {
				return err
			}
		}
		if i > 0 { // the first fills caches
			without, more, cpu = append(without, took[0]), append(more, took[1]-took[0]), append(cpu, used[1]-used[0])
		}
	}
	slices.Sort(more)
	r := row{name: "cage", build: build.name, goal: "more ms <= 30"}
	r.add("more_cpu_ms", middle(cpu).Seconds()*1000)
	r.add("more_ms", more[len(more)/2].Seconds()*1000)
	r.add("first_quarter_ms", more[len(more)/4].Seconds()*1000)
	r.add("third_quarter_ms", more[3*len(more)/4].Seconds()*1000)
	r.add("session_seconds_without", middle(without).Seconds())
	return b.print(r)
}

// configureMeasured is configure, with the processor time of the session's programs.
// The cage's part of it is not all delay: to look at what a step uses goes on beside.
func (l *lab) configureMeasured(ctx context.Context, session string) (took, used time.Duration, err error) {
	before, err := l.server.Usage()
	if err != nil {
		return 0, 0, err
	}
	if took, err = l.configure(ctx, session); err != nil {
		return 0, 0, err
	}
	after, err := l.server.Usage()
	return took, after.Minus(before).Programs, err
}
