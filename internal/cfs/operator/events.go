package operator

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// eventBatch is how many events are handled at a time.
const eventBatch = 100

// counts are what became of events since the start.
type counts struct{ handled, aside atomic.Int64 }

// EventsHandled counts the events that were acted on; repetitions count.
func (o *Operator) EventsHandled() int64 { return o.counts.handled.Load() }

// EventsSetAside counts those that nobody can act on.
func (o *Operator) EventsSetAside() int64 { return o.counts.aside.Load() }

// events handles what the queue has and returns the sessions created.
func (o *Operator) events(ctx context.Context) (created []string, err error) {
	for {
		messages, err := o.cfg.Queue.Due(ctx, eventBatch)
		if err != nil || len(messages) == 0 {
			return created, err
		}
		names, err := o.handle(ctx, messages)
		created = append(created, names...)
		if err != nil {
			return created, err
		}
	}
}

// handle acts on events. They are done only after what they led to is written,
// so that whatever ends in between is repeated, which changes nothing.
func (o *Operator) handle(ctx context.Context, messages []store.Message) (created []string, err error) {
	var done []int64
	creates := map[string]store.Message{}
	for _, m := range messages {
		e, err := cfs.ReadEvent(m.Payload)
		switch {
		case err != nil:
			err = o.setAside(ctx, m, "", err.Error())
		case e.Type == cfs.EventCreate:
			creates[e.Data.Name] = m
		default:
			delete(creates, e.Data.Name) // it is over before it began
			var given bool
			if given, err = o.delete(ctx, m, e.Data); given && err == nil {
				continue
			}
		}
		if err != nil {
			return nil, err
		}
		done = append(done, m.ID)
	}
	for name := range creates {
		created = append(created, name)
	}
	if err := o.takeUp(ctx, created, creates); err != nil {
		return nil, err
	}
	if err := o.cfg.Queue.Done(ctx, done...); err != nil {
		return created, err
	}
	o.counts.handled.Add(int64(len(done)))
	return created, nil
}

// takeUp notes that the sessions' events have come. In one database there is
// nothing to note: the record is there, or the session was deleted since.
func (o *Operator) takeUp(ctx context.Context, names []string, events map[string]store.Message) error {
	if o.cfg.EventWait <= 0 || len(names) == 0 {
		return nil
	}
	missing, err := o.cfg.Sessions.TakeUp(ctx, names)
	if err != nil {
		return err
	}
	for _, name := range missing {
		if err := o.setAside(ctx, events[name], name, fmt.Sprintf("session '%s' does not exist", name)); err != nil {
			return err
		}
	}
	return nil
}

// setAside keeps an event that nobody can act on out of the way.
func (o *Operator) setAside(ctx context.Context, m store.Message, session, reason string) error {
	if err := o.cfg.Sessions.SetAside(ctx, m.Payload, session, reason); err != nil {
		return fmt.Errorf("set a session event aside: %w", err)
	}
	o.counts.aside.Add(1)
	slog.Error("set a session event aside that nobody can act on", "session", session, "reason", reason)
	return nil
}

// delete acts on the end of a session; given says that it failed and the message
// was given back.
func (o *Operator) delete(ctx context.Context, m store.Message, s cfs.Session) (given bool, err error) {
	if err := o.deleted(ctx, s); err != nil {
		pause := retryPause(m.Attempts)
		slog.Warn("could not stop the job of a deleted session; will try again", "session", s.Name, "after", pause, "error", err)
		o.loop.At("", time.Now().Add(pause))
		return true, o.cfg.Queue.Retry(ctx, m.ID, pause)
	}
	if o.cfg.EventWait <= 0 {
		return false, nil
	}
	// Its creation may have been set aside: the session was gone when that came.
	n, err := o.cfg.Sessions.ForgetDeadEvents(ctx, s.Name)
	if n > 0 {
		slog.Info("events that were set aside are explained: their session was deleted", "session", s.Name, "events", n)
	}
	return false, err
}

// deleted ends the job of a session whose record is gone.
func (o *Operator) deleted(ctx context.Context, s cfs.Session) error {
	run := s.Status.Session
	if run.Job == nil {
		return nil // it never had one
	}
	if run.Status != cfs.StageComplete {
		slog.Info("session was deleted before its end; stopping its job", "session", s.Name, "job", *run.Job)
	}
	err := o.cfg.Executor.Stop(ctx, *run.Job)
	if fault.Is(err, fault.NotFound) {
		err = nil
	}
	if err == nil {
		err = o.endImages(ctx, &s)
	}
	return err
}

// awaits returns until when the session waits for its event; the zero time: no
// longer, or it has come.
func (o *Operator) awaits(s *cfs.OpenSession) time.Time {
	if o.cfg.EventWait <= 0 || !s.Run.TakenUp.IsZero() {
		return time.Time{}
	}
	began, err := time.Parse(cfs.SessionTime, s.Session.Status.Session.StartTime)
	until := began.Add(o.cfg.EventWait)
	if err != nil || !until.After(o.cfg.Now()) { // a client wrote something else, or it is late
		return time.Time{}
	}
	return until
}
