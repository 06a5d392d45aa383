package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/aee"
)

// An interrupt ends what runs in the shell: a shell that began with it ignored
// has all that it starts ignore it.
func TestShellOfASessionIsInterrupted(t *testing.T) {
	b := newBench(t)
	dir := t.TempDir()
	held, err := json.Marshal(aee.Held{Dir: dir, Env: os.Environ(), Until: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "held.json"), held, 0o600); err != nil {
		t.Fatal(err)
	}
	shell := filepath.Join(dir, "shell")
	if err := os.WriteFile(shell, []byte("#!/bin/sh\nkill -INT $$\nexit 7\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SHELL", shell)
	b.answer = func(w http.ResponseWriter, _ *http.Request, _ string) {
		fmt.Fprintf(w, `{"held": {"directory": %q}}`, dir)
	}
	if code, _, stderr := b.run("drover", "cfs", "sessions", "shell", "s1"); code == 7 || !strings.Contains(stderr, "held until") {
		t.Errorf("the shell was not interrupted: exit %d\n%s", code, stderr)
	}
}
