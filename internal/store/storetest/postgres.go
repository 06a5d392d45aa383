package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/drover-hpc/drover/internal/need"
	"github.com/drover-hpc/drover/internal/store"
)

// Postgres returns the URL of an empty database on a PostgreSQL server of the
// test binary's own. The first call starts it; StopPostgres, from
// TestMain, ends it. Without PostgreSQL on the machine the test is skipped, but
// in CI, where `make test` has installed it, fails.
func Postgres(t testing.TB) string {
	t.Helper()
	shared.once.Do(func() { shared.cluster, shared.err = StartCluster() })
	if shared.err != nil {
		need.Met(t, shared.err)
	}
	url, err := shared.cluster.Database(context.Background(), fmt.Sprintf("t%d", shared.databases.Add(1)))
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// OnEach runs the test on a fresh database of each engine. TestMain has to call
// StopPostgres.
func OnEach(t *testing.T, test func(t *testing.T, db *store.DB)) {
	for name, source := range map[string]func(testing.TB) string{"sqlite": SQLite, "postgres": Postgres} {
		t.Run(name, func(t *testing.T) {
			db, err := store.Open(t.Context(), source(t), nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			test(t, db)
		})
	}
}

// SQLite returns the name of a file that is not there yet.
func SQLite(t testing.TB) string { return filepath.Join(t.TempDir(), "drover.db") }

// Migrated returns the name of an SQLite database that has its tables, and nothing in
// them. To make one each time costs a test with the race detector half a second.
func Migrated(t testing.TB) string {
	t.Helper()
	text, err := migrated()
	if err != nil {
		t.Fatal(err)
	}
	path := SQLite(t)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var migrated = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "drover-migrated-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "drover.db")
	if err := store.Prepare(context.Background(), path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// Through is the URL of the database of Postgres by way of whatever listens at the
// address, and the socket to which that has to lead.
func Through(t testing.TB, url, address string) (through, socket string) {
	t.Helper()
	name, rest, _ := strings.Cut(strings.TrimPrefix(url, "postgres:///"), "?host=")
	dir, user, _ := strings.Cut(rest, "&")
	found, err := filepath.Glob(filepath.Join(dir, ".s.PGSQL.*[0-9]"))
	if err != nil || len(found) != 1 {
		t.Fatalf("socket of PostgreSQL: %v, %v", found, err)
	}
	return fmt.Sprintf("postgres://%s/%s?%s&sslmode=disable", address, name, user), found[0]
}

// StopPostgres ends the server that Postgres started, if any.
func StopPostgres() {
	if shared.cluster != nil {
		shared.cluster.Stop()
	}
}

// shared is the cluster of a test binary.
var shared struct {
	once      sync.Once
	err       error
	cluster   *Cluster
	databases atomic.Int64
}

// Cluster is a throw-away PostgreSQL server that listens on a socket in a
// temporary directory and no port.
type Cluster struct {
	dir, bin string
	running  bool
}

// StartCluster starts one; Stop ends it.
func StartCluster() (*Cluster, error) {
	c := &Cluster{}
	if err := c.start(); err != nil {
		c.Stop()
		return nil, fmt.Errorf("no PostgreSQL server could be started (install the package postgresql): %w", err)
	}
	return c, nil
}

// Database makes an empty database and returns its URL.
func (p *Cluster) Database(ctx context.Context, name string) (string, error) {
	admin, err := sql.Open("pgx", p.url("postgres"))
	if err != nil {
		return "", err
	}
	defer admin.Close()
	_, err = admin.ExecContext(ctx, "CREATE DATABASE "+name)
	return p.url(name), err
}

// PID is the server's main process; the others are its children.
func (p *Cluster) PID() (int, error) {
	text, err := os.ReadFile(filepath.Join(p.dir, "data", "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strconv.Atoi(line)
}

// Stop ends the server and removes what it kept.
func (p *Cluster) Stop() {
	if p.dir == "" {
		return
	}
	if p.running {
		p.run("pg_ctl", "-D", filepath.Join(p.dir, "data"), "-m", "immediate", "-w", "stop") //nolint:errcheck // the directory goes anyway
	}
	os.RemoveAll(p.dir)
}

func (p *Cluster) url(database string) string {
	return fmt.Sprintf("postgres:///%s?host=%s&user=drover", database, p.dir)
}

func (p *Cluster) start() error {
	var err error
	if p.bin, err = binaries(); err != nil {
		return err
	}
	// The path of the socket must stay below 108 bytes, which t.TempDir may not.
	if p.dir, err = os.MkdirTemp("/tmp", "drover-pg-"); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		uid, gid, err := postgresUser()
		if err != nil {
			return err
		}
		if err := os.Chown(p.dir, uid, gid); err != nil {
			return err
		}
	}
	data := filepath.Join(p.dir, "data")
	if err := p.run("initdb", "-D", data, "-U", "drover", "--auth=trust", "--no-sync", "-E", "UTF8"); err != nil {
		return err
	}
	options := "-c listen_addresses='' -c fsync=off -c unix_socket_directories=" + p.dir
	if err := p.run("pg_ctl", "-D", data, "-w", "-o", options, "-l", filepath.Join(p.dir, "log"), "start"); err != nil {
		return err
	}
	p.running = true
	return nil
}

// run executes one of PostgreSQL's programs, which refuse to run as root.
func (p *Cluster) run(program string, args ...string) error {
	cmd := exec.Command(filepath.Join(p.bin, program), args...)
	cmd.Dir = p.dir
	if os.Geteuid() == 0 {
		uid, gid, err := postgresUser()
		if err != nil {
			return err
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
	// Output goes to a file: the server inherits it and would keep a pipe open.
	out, err := os.CreateTemp("", "drover-pg-out-")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(out.Name())
		return fmt.Errorf("%s: %w: %s", program, err, text)
	}
	return nil
}

func binaries() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return "", fmt.Errorf("initdb is neither in PATH nor below /usr/lib/postgresql")
	}
	slices.Sort(found)
	return filepath.Dir(found[len(found)-1]), nil
}

func postgresUser() (uid, gid int, err error) {
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, _ = strconv.Atoi(u.Uid)
			gid, _ = strconv.Atoi(u.Gid)
			return uid, gid, nil
		}
	}
	return 0, 0, fmt.Errorf("neither user postgres nor nobody exists to run PostgreSQL as")
}
