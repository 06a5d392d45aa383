package job

import "sync"

// Followers are those who read the logs of jobs while they grow.
type Followers struct {
	mu  sync.Mutex
	job map[string]map[chan struct{}]bool
}

// Join returns a channel that receives after Wake for the job.
func (f *Followers) Join(id string) chan struct{} {
	c := make(chan struct{}, 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.job == nil {
		f.job = map[string]map[chan struct{}]bool{}
	}
	if f.job[id] == nil {
		f.job[id] = map[chan struct{}]bool{}
	}
	f.job[id][c] = true
	return c
}

// Leave ends it. last is called if nobody follows the job any more; it may be
// nil.
func (f *Followers) Leave(id string, c chan struct{}, last func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.job[id], c)
	if len(f.job[id]) == 0 {
		delete(f.job, id)
		if last != nil {
			last()
		}
	}
}

// Wake tells the job's followers.
func (f *Followers) Wake(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.job[id] {
		select {
		case c <- struct{}{}:
		default: // one is waiting already
		}
	}
}

// If calls do while nobody can join or leave, if anybody follows the job.
func (f *Followers) If(id string, do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.job[id]) > 0 {
		do()
	}
}
