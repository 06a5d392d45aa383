package events

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drover-hpc/drover/internal/metrics/tally"
)

func TestWhatLoopsDidIsCountedByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub, hold := NewHub(), make(chan struct{})
		start := func(name, table string, run func(l *Loop, w Wake) error) {
			l := &Loop{Name: name, Hub: hub, Tables: []string{table}}
			l.Run = func(_ context.Context, w Wake) error { return run(l, w) }
			l.Start(t.Context())
			t.Cleanup(l.Stop)
			<-l.Started()
		}
		start("works", "a", func(l *Loop, w Wake) error {
			time.Sleep(time.Second) // virtual time
			if len(w.Keys) == 2 {
				l.Later("k1", errors.New("not now"))
			}
			return nil
		})
		start("works", "b", func(*Loop, Wake) error { return nil })
		first := true
		start("waits", "c", func(*Loop, Wake) error {
			if !first {
				<-hold
			}
			first = false
			return nil
		})
		hub.Changed("a", []string{"k1", "k2"})
		hub.Changed("b", []string{"k3"})
		for range 2 {
			hub.Changed("c", []string{"k1", "k2", "k3"})
			synctest.Wait()
		}
		time.Sleep(500 * time.Millisecond) // virtual time
		did := hub.Worked()
		if got, want := did["works"], (tally.Worked{Passes: 3, Items: 1, Busy: time.Second}); got != want {
			t.Errorf("in its second pass: %+v, want %+v", got, want)
		}
		if got := did["waits"]; got.Passes != 1 || got.Waiting != 3 {
			t.Errorf("%+v, want one pass, while 3 wait for the next but one", got)
		}
		time.Sleep(700 * time.Millisecond) // virtual time
		if got, want := hub.Worked()["works"], (tally.Worked{Passes: 4, Failures: 1, Items: 3, Busy: 2 * time.Second}); got != want {
			t.Errorf("after its second pass: %+v, want %+v", got, want)
		}
		close(hold)
	})
}

func TestRunsThatFailAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := NewHub()
		l := &Loop{Name: "fails", Hub: hub, Run: func(context.Context, Wake) error { return errors.New("away") }}
		l.Start(t.Context())
		defer l.Stop()
		time.Sleep(retryPause + time.Millisecond) // virtual time
		if got := hub.Worked()["fails"]; got.Passes != 2 || got.Failures != 2 {
			t.Errorf("%+v, want 2 passes that failed", got)
		}
	})
}

func TestPassesAreToldToWhoDebugs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		hub := NewHub()
		l := &Loop{Name: "works", Hub: hub, Tables: []string{"a"}, Run: func(context.Context, Wake) error { return nil },
			Log: slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug}))}
		l.Start(t.Context())
		<-l.Started()
		hub.Changed("a", []string{"k1", "k2"})
		synctest.Wait()
		l.Stop()
		for _, want := range []string{"level=DEBUG msg=pass loop=works everything=true items=0 took=", "level=DEBUG msg=pass loop=works everything=false items=2 took="} {
			if !strings.Contains(said.String(), want) {
				t.Errorf("no %q in\n%s", want, said.String())
			}
		}
	})
}
