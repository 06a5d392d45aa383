package pcs_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
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

func (h *heard) has(text string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Contains(h.text.String(), text)
}

// A transition is a line, however many components it is of.
func TestTheLogTellsHowTransitionsEnd(t *testing.T) {
	log, before := &heard{}, slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(log, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	w := newWorld(t)
	w.add(n0, "Off")
	w.add(n1, "Off")
	w.start()
	id := w.transition("on", 5, n0, n1, "x9c7s7b0n0")
	w.finished(id)
	w.eventually("the line", func() bool {
		return log.has(`level=INFO msg="transition is complete" transition=` + id + ` operation=On components=3 failed=1 took=`)
	})
	w.eventually("the figures", func() bool {
		running, err := w.service.TransitionsRunning()
		return err == nil && running == 0 && w.service.TransitionsCompleted() == 1 && w.service.TransitionsAborted() == 0
	})
	if log.has("transition begins") {
		t.Error("that it begins is for who debugs")
	}
}
