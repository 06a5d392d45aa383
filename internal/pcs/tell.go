package pcs

import (
	"context"
	"log/slog"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// powerNews is what HSM has to be told of a component: both when it was off in
// between, because to HSM On is no news of a node that is Ready.
type powerNews struct{ off, on bool }

// offPatience is how long news that components are off wait for HSM.
const offPatience = 2 * time.Second

// newsIn picks from the observations what HSM does not know. To begin with
// that is everything: what an earlier process saw it may not have told.
func (r *recorder) newsIn(seen []observation) map[string]PowerState {
	fresh := map[string]PowerState{}
	if r.state == nil {
		return fresh
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range seen {
		if o := &seen[i]; r.isNews(o) {
			fresh[o.component.Xname] = o.power
		}
	}
	return fresh
}

// isNews tells whether HSM does not know what was observed. The caller holds mu.
func (r *recorder) isNews(o *observation) bool {
	return r.state != nil && o.power != PowerUndefined && o.power != r.knows[o.component.Xname]
}

// tellOff tells HSM which components went off, before anybody else learns it:
// told later, it could undo that a node which was turned on at once is Ready.
// It returns whether HSM knows; if not, tell will say it.
func (r *recorder) tellOff(ctx context.Context, fresh map[string]PowerState) bool {
	var off []string
	for x, power := range fresh {
		if power == PowerOff {
			off = append(off, x)
		}
	}
	if len(off) == 0 {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, offPatience)
	defer cancel()
	select {
	case r.telling <- struct{}{}:
		defer func() { <-r.telling }()
	case <-ctx.Done():
		return false
	}
	return r.setState(ctx, off, "Off") == nil
}

// spread leaves to tell what HSM was not told. offTold: it knows who is off.
func (r *recorder) spread(fresh map[string]PowerState, offTold bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for x, power := range fresh {
		r.knows[x] = power
		switch {
		case power == PowerOn:
			r.news[x] = powerNews{off: r.news[x].off, on: true}
		case offTold:
			delete(r.news, x)
		default:
			r.news[x] = powerNews{off: true}
		}
	}
	if len(r.news) > 0 {
		nudge(r.newsWake)
	}
}

// tell tells HSM the rest until ctx is done. HSM being slow or away holds up
// nothing else.
func (r *recorder) tell(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.newsWake:
		}
		r.telling <- struct{}{}
		err := r.tellNews(ctx)
		<-r.telling
		if err != nil {
			pause(ctx, retryPause)
		}
	}
}

func (r *recorder) tellNews(ctx context.Context) error {
	r.mu.Lock()
	news := r.news
	r.news = map[string]powerNews{}
	r.mu.Unlock()
	var off, on []string
	for x, n := range news {
		if n.off {
			off = append(off, x)
		}
		if n.on {
			on = append(on, x)
		}
	}
	err := r.setState(ctx, off, "Off")
	if err == nil {
		err = r.setState(ctx, on, "On")
	}
	if err != nil && ctx.Err() == nil {
		r.notTold(news, err)
	}
	return err
}

func (r *recorder) setState(ctx context.Context, ids []string, state string) error {
	if len(ids) == 0 {
		return nil
	}
	return r.state.SetState(ctx, ids, state, "OK")
}

// notTold keeps news for another try, unless HSM answered and does not want it.
func (r *recorder) notTold(news map[string]powerNews, err error) {
	slog.Error("power states not told to HSM", "count", len(news), "error", err)
	if !fault.Is(err, fault.Unavailable) && !httpapi.IsStatus(err, 500) && !httpapi.IsStatus(err, 503) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for x, n := range news {
		if now, newer := r.news[x]; newer {
			n = powerNews{off: n.off || now.off, on: now.on}
		}
		r.news[x] = n
	}
	nudge(r.newsWake)
}
