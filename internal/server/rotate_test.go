package server

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/seal"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

const rotateTestData, rotateTestDatabase = "ROTATE_TEST_DATA", "ROTATE_TEST_DATABASE"

// rotateIfChild is a process of its own that rotates until it is killed.
func rotateIfChild() {
	if data := os.Getenv(rotateTestData); data != "" {
		r := rotation{data: data, database: os.Getenv(rotateTestDatabase)}
		fmt.Fprintln(os.Stderr, r.run(context.Background(), os.Stdout))
		os.Exit(0)
	}
}

// site is a data directory, and a database, with secrets.
func site(t *testing.T, database string, n int) (c Config) {
	t.Helper()
	c = Config{Data: t.TempDir(), Database: database}
	keys, err := c.SecretKey.openOrMake(t.Context(), c.database(), c.Data)
	must(t, err)
	db, err := store.Open(t.Context(), c.database(), nil, store.Sealed(keys))
	must(t, err)
	for i := range n {
		must(t, secretsOf(db).Put(t.Context(), secret{Name: fmt.Sprint(i), Value: []byte(fmt.Sprintf("word %d", i))}))
	}
	must(t, db.Close())
	return c
}

// opens fails the test unless a server with the key file of the data directory
// reads all secrets.
func opens(t *testing.T, c Config, n int) {
	t.Helper()
	keys, _, _, err := c.SecretKey.open(t.Context(), c.database(), c.Data)
	must(t, err)
	db, err := store.Open(t.Context(), c.database(), nil, store.Sealed(keys))
	must(t, err)
	defer db.Close()
	all, err := secretsOf(db).List(t.Context(), store.Query{})
	must(t, err)
	if len(all) != n {
		t.Fatalf("%d secrets, expected %d", len(all), n)
	}
	for _, s := range all {
		if string(s.Value) != "word "+s.Name {
			t.Fatalf("%s is %q", s.Name, s.Value)
		}
	}
}

func TestRotationHasOneNewKeyInTheEnd(t *testing.T) {
	c := site(t, "", 20)
	path := filepath.Join(c.Data, keyFile)
	old, err := seal.Read(path)
	must(t, err)
	var out strings.Builder
	must(t, (&rotation{data: c.Data}).run(t.Context(), &out))
	fresh, err := seal.Read(path)
	must(t, err)
	if len(fresh.IDs()) != 1 || fresh.Has(old.First()) || !strings.Contains(out.String(), fresh.First()) {
		t.Errorf("%v after %v: %s", fresh.IDs(), old.IDs(), out.String())
	}
	opens(t, c, 20)
	if where := found(t, c.Data, "sealed-1."+old.First()); where != "" {
		t.Error(where)
	}
	must(t, old.Replace(path))
	if _, _, _, err := c.SecretKey.open(t.Context(), c.database(), c.Data); !fault.Is(err, fault.Invalid) {
		t.Errorf("the old key: %v", err)
	}
}

func TestRotationThatIsKilledLosesNothing(t *testing.T) {
	for name, database := range map[string]func(testing.TB) string{"sqlite": func(testing.TB) string { return "" }, "postgres": storetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			const n = 1500
			c := site(t, database(t), n)
			before, _, err := c.SecretKey.find(c.Data)
			must(t, err)
			both := 0
			for i := range 10 {
				cmd := exec.CommandContext(t.Context(), os.Args[0])
				cmd.Env = append(os.Environ(), rotateTestData+"="+c.Data, rotateTestDatabase+"="+c.Database)
				must(t, cmd.Start())
				if i > 0 { // else at any moment of its start
					awaitKeys(t, c, 2)
				}
				timer := time.NewTimer(time.Duration(i) * 15 * time.Millisecond)
				<-timer.C
				must(t, cmd.Process.Kill())
				cmd.Wait() //nolint:errcheck // it was killed
				if keys, _, err := c.SecretKey.find(c.Data); err == nil && len(keys.IDs()) > 1 {
					both++
				}
				opens(t, c, n)
			}
			if both == 0 {
				t.Error("none was killed in the middle")
			}
			must(t, (&rotation{data: c.Data, database: c.Database}).run(t.Context(), os.Stderr))
			after, _, err := c.SecretKey.find(c.Data)
			must(t, err)
			if len(after.IDs()) != 1 || after.Has(before.First()) {
				t.Errorf("%v after %v", after.IDs(), before.IDs())
			}
			opens(t, c, n)
		})
	}
}

// awaitKeys returns once the key file has so many keys, or was replaced.
func awaitKeys(t *testing.T, c Config, n int) {
	t.Helper()
	first, _, err := c.SecretKey.find(c.Data)
	must(t, err)
	for {
		keys, _, err := c.SecretKey.find(c.Data)
		must(t, err)
		if len(keys.IDs()) >= n && keys.First() != first.First() || t.Context().Err() != nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func TestRotationNeedsTheDatabaseForItself(t *testing.T) {
	for name, database := range map[string]func(testing.TB) string{"sqlite": func(testing.TB) string { return "" }, "postgres": storetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			c := testConfig(t)
			c.Database = database(t)
			s, err := Start(t.Context(), c, Options{})
			must(t, err)
			defer s.Stop()
			r := rotation{data: c.Data, database: c.Database}
			if name == "postgres" { // beside a server on another machine
				r.data, r.key.File = t.TempDir(), filepath.Join(c.Data, keyFile)
			}
			if err := r.run(t.Context(), os.Stderr); !fault.Is(err, fault.Conflict) {
				t.Errorf("beside a server: %v", err)
			}
			if keys, err := seal.Read(filepath.Join(c.Data, keyFile)); err != nil || len(keys.IDs()) != 1 {
				t.Errorf("%v, %v", keys, err)
			}
		})
	}
}
