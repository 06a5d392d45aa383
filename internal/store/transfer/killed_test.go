package transfer

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

const stopAt = "TRANSFER_TEST_STOP_AT"

// copyUntilKilled is a process of its own that stands still in the step that
// its environment names.
func copyUntilKilled() {
	c := copyOf(os.Getenv("TRANSFER_TEST_SQLITE"), os.Getenv("TRANSFER_TEST_POSTGRES"))
	c.Progress = func(s Step) {
		if s.Doing == os.Getenv(stopAt) && s.Table == "hsm_components" && s.Rows == 500 {
			fmt.Println("there")
			select {}
		}
	}
	do := c.ToPostgres
	if os.Getenv("TRANSFER_TEST_BACK") != "" {
		do = c.ToSQLite
	}
	_, err := do(context.Background())
	fmt.Println("ended:", err)
	os.Exit(3)
}

func killed(t *testing.T, at, sqlite, postgres, back string) {
	t.Helper()
	cmd := itself(t, stopAt+"="+at, "TRANSFER_TEST_SQLITE="+sqlite, "TRANSFER_TEST_POSTGRES="+postgres, "TRANSFER_TEST_BACK="+back)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "there\n" {
		t.Errorf("expected that the copy stands still, got %q, %v", line, err)
	}
	must(t, cmd.Process.Kill())
	cmd.Wait() //nolint:errcheck // it was killed
}

func itself(t *testing.T, env ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	return cmd
}

// A kill leaves nothing on PostgreSQL, and nothing that a server would take for a
// site on SQLite; the next copy goes through.
func TestCopyThatIsKilledHasNotHappened(t *testing.T) {
	path, url, home := generated(t, 600), storetest.Postgres(t), storetest.SQLite(t)
	for _, at := range []string{"copy", "compare"} {
		killed(t, at, path, url, "")
		db, err := store.Open(t.Context(), url, nil)
		must(t, err)
		n, err := sessions(db).Count(t.Context(), store.Query{})
		must(t, err)
		if n != 0 {
			t.Errorf("killed at %s: PostgreSQL has %d rows", at, n)
		}
		must(t, db.Close())
	}
	r, err := copyOf(path, url).ToPostgres(t.Context())
	must(t, err)
	if r.Result != Copied {
		t.Errorf("expected a copy, got %s", r.Result)
	}
	for _, at := range []string{"copy", "compare"} {
		killed(t, at, home, url, "yes")
		if _, err := os.Stat(home); err == nil {
			t.Errorf("killed at %s: there is a file", at)
		}
	}
	c := copyOf(home, url)
	said := ""
	c.Say = func(line string) { said = line }
	if r, err = c.ToSQLite(t.Context()); err != nil || r.Result != Copied {
		t.Fatalf("expected a copy, got %v, %v", r, err)
	}
	if !strings.Contains(said, "broken off") {
		t.Errorf("expected that the rest of the broken copy is told, got %q", said)
	}
	if diff := cmp.Diff(contents(t, path), contents(t, home)); diff != "" {
		t.Error(diff)
	}
}
