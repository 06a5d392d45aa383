package kubernetes

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/drover-hpc/drover/internal/job"
)

// Pauses before a log is opened again.
const (
	reopen    = time.Second
	maxReopen = 15 * time.Second
)

// place is how far a log has been read: what is behind size in its file was
// written after the place was noted last, and is read again.
type place struct {
	At   time.Time `json:"at"` // of the last line
	Size int64     `json:"size"`
}

// follower copies what a container writes into the step's log.
type follower struct {
	a     *attendant
	step  stepContainer
	pod   string
	stop  context.CancelFunc
	over  chan struct{}
	place place
	log   *job.Log
}

func (f *follower) end() {
	f.stop()
	<-f.over
}

func (f *follower) done() bool {
	select {
	case <-f.over:
		return true
	default:
		return false
	}
}

// read begins to follow the step's container.
func (a *attendant) read(ctx context.Context, s stepContainer) *follower {
	ctx, stop := context.WithCancel(ctx)
	f := &follower{a: a, step: s, pod: a.pod.Name, stop: stop, over: make(chan struct{})}
	go func() {
		defer a.hint()
		defer close(f.over)
		defer stop()
		if err := f.run(ctx); err != nil && ctx.Err() == nil {
			a.e.cfg.Log.Warn("a part of a step's log is missing", "job", a.id, "step", s.Step, "error", err)
		}
	}()
	return f
}

func (f *follower) file() string { return "read-" + f.step.Step + ".json" }

func (f *follower) run(ctx context.Context) (err error) {
	f.place, _ = job.Read[place](f.a.d, f.file()) // none: from the beginning
	if f.log, err = f.a.d.ContinueLog(f.step.Step, f.a.e.cfg.MaxLog, f.place.Size); err != nil {
		return err
	}
	defer f.log.Close()
	if f.log.Size() == 0 {
		f.place.Size = 0
	}
	for pause := reopen; ; pause = min(2*pause, maxReopen) {
		ended := f.ended() // asked first: what is read after it is all
		stream, err := f.a.e.cluster.Log(ctx, f.pod, f.step.Container, f.place.At)
		if err == nil {
			var any bool
			any, err = f.copy(stream, ended)
			stream.Close()
			if any {
				pause = reopen
			}
		}
		switch {
		case ctx.Err() != nil || apierrors.IsNotFound(err):
			return err
		case err == nil && ended:
			return nil
		case err == nil:
			pause = reopen // its end will be told in a moment
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// ended tells whether the container has, or is gone.
func (f *follower) ended() bool {
	p := f.a.e.view.pod(f.a.id)
	if p == nil || p.Name != f.pod {
		return true
	}
	c := status(p, f.step.Container)
	return c != nil && c.State.Terminated != nil
}

// copy reads the stream to its end. A line without an end is one only if it is
// the last that the container wrote; else it is read again, and whole then. any:
// there was something new.
func (f *follower) copy(stream io.Reader, ended bool) (any bool, err error) {
	lines := bufio.NewReaderSize(stream, 64<<10)
	for {
		line, err := lines.ReadBytes('\n')
		whole := err == nil || ended && errors.Is(err, io.EOF)
		if at, text, ok := timed(line); ok && whole && at.After(f.place.At) {
			if _, err := f.log.Write(text); err != nil {
				return any, err
			}
			f.place = place{At: at, Size: f.log.Size()}
			any = true
		}
		if any && (lines.Buffered() == 0 || err != nil) {
			if err := f.a.d.Write(f.file(), f.place); err != nil {
				return any, err
			}
			f.a.e.Followers.Wake(f.a.id)
		}
		if errors.Is(err, io.EOF) {
			return any, nil
		}
		if err != nil {
			return any, err
		}
	}
}

// timed parts a line from its time.
func timed(line []byte) (at time.Time, text []byte, ok bool) {
	stamp, text, ok := bytes.Cut(line, []byte(" "))
	if !ok {
		return at, nil, false
	}
	at, err := time.Parse(time.RFC3339Nano, string(stamp))
	return at, text, err == nil
}
