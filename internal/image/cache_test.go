package image

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// fill writes a file that tells whose entry it is.
func fill(text string, count *atomic.Int32) func(string) error {
	return func(dir string) error {
		count.Add(1)
		return os.WriteFile(filepath.Join(dir, "file"), []byte(text), 0o644)
	}
}

func content(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "file"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCacheMakesOnce(t *testing.T) {
	c := cache{t.TempDir()}
	var made atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			dir, release, err := c.entry(t.Context(), "base", "k", false, fill("one", &made))
			if err != nil {
				t.Error(err)
				return
			}
			defer release()
			if text := content(t, dir); text != "one" {
				t.Errorf("the entry holds %q", text)
			}
		})
	}
	group.Wait()
	if made.Load() != 1 {
		t.Errorf("made %d times", made.Load())
	}
	dir, release, err := c.entry(t.Context(), "base", "k", true, fill("two", &made))
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if content(t, dir) != "two" {
		t.Error("an entry that shall be made anew is the old one")
	}
}

func TestCacheHoldsNoHalves(t *testing.T) {
	c := cache{t.TempDir()}
	var made atomic.Int32
	broken := errors.New("broken")
	half := func(dir string) error {
		return errors.Join(broken, os.WriteFile(filepath.Join(dir, "half"), nil, 0o644))
	}
	if _, _, err := c.entry(t.Context(), "base", "k", false, half); !errors.Is(err, broken) {
		t.Errorf("a build that fails: %v", err)
	}
	killed := filepath.Join(c.dir, "base", "k~")
	if err := os.MkdirAll(killed, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(killed, "half"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	dir, release, err := c.entry(t.Context(), "base", "k", false, fill("whole", &made))
	if err != nil {
		t.Fatal(err)
	}
	release()
	if exists(filepath.Join(dir, "half")) || exists(killed) || content(t, dir) != "whole" {
		t.Error("what a killed build left is in the entry, or beside it")
	}
	if _, _, err := c.entry(t.Context(), "base", "k", true, half); !errors.Is(err, broken) || content(t, dir) != "whole" {
		t.Errorf("making anew failed (%v) and took the old one along", err)
	}
}

func TestCacheIsNotReplacedWhileInUse(t *testing.T) {
	c := cache{t.TempDir()}
	var made atomic.Int32
	_, release, err := c.entry(t.Context(), "base", "k", false, fill("one", &made))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := c.entry(ctx, "base", "k", true, fill("two", &made)); !errors.Is(err, context.Canceled) {
		t.Errorf("an entry in use was made anew: %v", err)
	}
	release()
	_, release, err = c.entry(t.Context(), "base", "k", true, fill("two", &made))
	if err != nil || made.Load() != 2 {
		t.Errorf("after the release: %v, made %d times", err, made.Load())
	}
	release()
}

func TestCacheKeepsWhatWasUsedLast(t *testing.T) {
	c := cache{t.TempDir()}
	var made atomic.Int32
	for i := range keptEntries + 3 {
		dir, release, err := c.entry(t.Context(), "image", string(rune('a'+i)), false, fill("x", &made))
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			release()
		} else {
			defer release() // in use
		}
		used := time.Now().Add(time.Duration(i-100) * time.Hour)
		if err := os.Chtimes(dir, used, used); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.trim("image"); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false, false, true} {
		if got := exists(filepath.Join(c.dir, "image", string(rune('a'+i)))); got != want {
			t.Errorf("entry %d is there: %v, want %v", i, got, want)
		}
	}
}
