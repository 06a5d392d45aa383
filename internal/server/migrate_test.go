package server

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
	"github.com/drover-hpc/drover/internal/store/transfer"
)

// migrate runs `drover migrate` with the arguments.
func migrate(t *testing.T, args ...string) (out, errs string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := MigrateCommand()
	cmd.SetArgs(args)
	cmd.SetOut(&stdout)
	cmd.SetErr(&stderr)
	err = cmd.ExecuteContext(t.Context())
	return stdout.String(), stderr.String(), err
}

// dataDir is a data directory with a database and other things.
func dataDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := store.Prepare(t.Context(), filepath.Join(dir, databaseFile)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"s3", "trust", "mine"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestMigrationSaysWhatWasComparedAndWhatStays(t *testing.T) {
	dir, url := dataDir(t), storetest.Postgres(t)
	out, _, err := migrate(t, "sqlite-to-postgres", "--data", dir, "--database", url)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"TABLE", "bos_components ", "equal", "Copied: 4 rows", "Stays where it is, in " + dir, "s3/         artifacts", "secret.key  the key of secrets", "mine/", "--database"} {
		if !strings.Contains(out, want) {
			t.Errorf("expected %q in:\n%s", want, out)
		}
	}
	if strings.Contains(out, "lock") {
		t.Errorf("the lock is nothing to keep:\n%s", out)
	}
	home := filepath.Join(t.TempDir(), "new")
	if _, _, err = migrate(t, "postgres-to-sqlite", "--data", home, "--database", url); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), filepath.Join(home, keyFile)) {
		t.Errorf("without the key: %v", err)
	}
	if out, _, err = migrate(t, "postgres-to-sqlite", "--data", home, "--database", url, "--format", "json", "--secret-key", filepath.Join(dir, keyFile)); err != nil {
		t.Fatal(err)
	}
	var report transfer.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || report.Result != transfer.Copied || len(report.Tables) < 40 {
		t.Errorf("%v: %s", err, out)
	}
}

func TestMigrationWithoutWhatItNeedsIsRefused(t *testing.T) {
	dir := dataDir(t)
	unlock, err := lockData(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	for want, args := range map[string][]string{
		"database: expected a postgres:// URL":            {"--data", dir},
		"format: expected text or json":                   {"--data", dir, "--database", "postgres://h/d", "--format", "toml"},
		"expected no arguments":                           {"--data", dir, "--database", "postgres://h/d", "now"},
		"no such file or directory":                       {"--data", filepath.Join(dir, "none"), "--database", "postgres://h/d"},
		"data directory " + dir + " is in use by another": {"--data", dir, "--database", "postgres://h/d"},
	} {
		_, _, err := migrate(t, append([]string{"sqlite-to-postgres"}, args...)...)
		if err == nil || !strings.Contains(err.Error(), want) || !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.Conflict) {
			t.Errorf("expected %q, got %v", want, err)
		}
	}
}

func TestProgressIsToldFromTimeToTime(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(0, 0)
	tell := tellNowAndThen(&out, func() time.Time { return now })
	for i := range 1024 {
		if i == 512 {
			now = now.Add(told)
		}
		tell(transfer.Step{Doing: "copy", Table: "bos_components", Rows: int64(i + 1), Of: 2000})
	}
	if want := "copy bos_components: 768 of 2000 rows\n"; out.String() != want {
		t.Errorf("expected %q, got %q", want, out.String())
	}
}
