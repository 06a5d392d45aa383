package operators

import (
	"bytes"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/drover-hpc/drover/internal/bos"
)

// heard is a log that a test reads.
type heard struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(p)
}

func (h *heard) lines() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Split(h.text.String(), "\n")
}

// hear has the default log of what follows written where the test reads it.
func hear(t *testing.T) *heard {
	t.Helper()
	h, before := &heard{}, slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(h, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return h
}

// A deed is a line, however many nodes it is of.
func TestTheLogTellsOfDeeds(t *testing.T) {
	log := hear(t)
	w := newWorld(t, 40)
	name := w.session(bos.OperationBoot, "")
	w.finish(name)
	_, err := w.service.CreateSession(t.Context(), bos.NewSession{Name: "nobody", Operation: bos.OperationBoot, TemplateName: "t", Limit: "x9c9s9b9n9"})
	must(t, err)
	w.finish("nobody")
	w.stop()
	for _, want := range []string{
		`msg="session begins" session=` + name + ` operation=boot template=t nodes=40 left-out=0`,
		`msg="power calls are made" action="power on" count=40 nodes=\S+ transition=`,
		`msg="session is complete" session=` + name + ` operation=boot nodes=40 failed=0 took=`,
		`level=WARN msg="session is not set up" session=nobody tried-again=false error=`,
	} {
		found := 0
		for _, line := range log.lines() {
			if regexp.MustCompile(want).MatchString(line) {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%s: %d lines", want, found)
		}
	}
	if n := len(log.lines()); n > 20 {
		t.Errorf("%d lines:\n%s", n, strings.Join(log.lines(), "\n"))
	}
}
