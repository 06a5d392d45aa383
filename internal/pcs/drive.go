package pcs

import (
	"container/heap"
	"context"
	"time"
)

// visitsAtOnce bounds the components of a tier that are talked to at a time.
const visitsAtOnce = 256

// drive visits each component until its step is over. Between visits a
// component costs an entry in the agenda, no goroutine. Those who visit stay
// until the end, for the stack of a new one has to grow first.
func (r *run) drive(ctx context.Context, members []*task) {
	todo, results := make(chan *task, visitsAtOnce), make(chan visited, visitsAtOnce)
	defer close(todo)
	visitors := 0
	next := make(agenda, 0, len(members))
	for _, t := range members {
		next = append(next, visit{time.Now(), t}) // in order of time: a heap already
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for running := 0; len(next) > 0 || running > 0; {
		var due <-chan time.Time
		if len(next) > 0 && running < visitsAtOnce && ctx.Err() == nil {
			wait := time.Until(next[0].due)
			if wait <= 0 {
				t := heap.Pop(&next).(visit).task
				if running++; running > visitors {
					visitors++
					go r.visitAll(ctx, todo, results)
				}
				todo <- t
				continue
			}
			timer.Reset(wait)
			due = timer.C
		}
		stopped := ctx.Done()
		if ctx.Err() != nil {
			if running == 0 {
				return
			}
			stopped = nil // the visits end by themselves
		}
		select {
		case <-due:
		case done := <-results:
			running--
			if !done.over {
				heap.Push(&next, visit{time.Now().Add(done.again), done.task})
			}
		case <-stopped:
		}
	}
}

// visitAll visits those to do until there will be none.
func (r *run) visitAll(ctx context.Context, todo <-chan *task, results chan<- visited) {
	for t := range todo {
		again, over := r.visit(ctx, t)
		results <- visited{t, again, over}
	}
}

// agenda is visits, the next one first.
type agenda []visit

type visit struct {
	due  time.Time
	task *task
}

// visited is how a visit went.
type visited struct {
	task  *task
	again time.Duration
	over  bool
}

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].due.Before(a[j].due) }
func (a agenda) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)        { *a = append(*a, x.(visit)) }
func (a *agenda) Pop() any {
	old := *a
	last := old[len(old)-1]
	*a = old[:len(old)-1]
	return last
}
