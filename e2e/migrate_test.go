package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drover-hpc/drover/internal/store/storetest"
)

// A site that was booted on SQLite goes to PostgreSQL, where its nodes reboot, and
// comes back with what happened there.
func TestSiteMovesToPostgreSQLAndBack(t *testing.T) {
	t.Parallel()
	alone(t, "the site is on PostgreSQL")
	c := newCluster(t, 3)
	c.gated()
	before := c.allResets()
	first := c.session("one", "boot")
	c.succeed(first)
	c.drivenOnce(first, before, "On")
	site := c.site()

	url := storetest.Postgres(t)
	if out, err := c.migrate("sqlite-to-postgres", url); err == nil || !strings.Contains(out, "in use by another server") {
		t.Errorf("expected a refusal while the server runs, got %v: %s", err, out)
	}
	c.terminate()
	c.moves("sqlite-to-postgres", url)
	onSQLite := c.flags
	c.flags = append(slices.Clone(onSQLite), "--database", url)
	c.start()
	if diff := cmp.Diff(site, c.site()); diff != "" {
		t.Errorf("on PostgreSQL: %s", diff)
	}
	if out, err := c.migrate("postgres-to-sqlite", url); err == nil || !strings.Contains(out, "in use") {
		t.Errorf("expected a refusal while the server runs, got %v: %s", err, out)
	}
	before = c.allResets()
	second := c.session("one", "reboot")
	c.succeed(second)
	c.drivenOnce(second, before, "GracefulShutdown", "On")
	site = c.site()

	c.terminate()
	if out, err := c.migrate("postgres-to-sqlite", url); err == nil || !strings.Contains(out, "holds other rows already") {
		t.Errorf("expected that the old file is not overwritten, got %v: %s", err, out)
	}
	if err := os.Rename(c.database(), c.database()+".old"); err != nil {
		t.Fatal(err)
	}
	c.moves("postgres-to-sqlite", url)
	c.flags = onSQLite
	c.start()
	if diff := cmp.Diff(site, c.site()); diff != "" {
		t.Errorf("back on SQLite: %s", diff)
	}
}

func (c *cluster) database() string { return filepath.Join(c.dir, "data", "drover.db") }

// site is what the services say of everything that does not change by itself, once the
// sessions of CFS have ended, which takes them a moment longer than their nodes.
func (c *cluster) site() map[string]any {
	c.t.Helper()
	c.eventually("the sessions of CFS are complete", func() bool {
		return !strings.Contains(c.drover("cfs", "v3", "sessions", "list", "--format", "json"), `"completion_time": null`)
	})
	out := map[string]any{}
	for _, words := range []string{
		"hsm state components list", "bos v2 components list", "bos v2 sessions list", "bos v2 sessiontemplates list", "bos v2 options list",
		"cfs v3 components list", "cfs v3 configurations list", "cfs v3 sessions list", "bss bootparameters list", "ims images list",
	} {
		out[words] = c.drover(append(strings.Fields(words), "--format", "json")...)
	}
	for _, node := range c.nodes {
		var told any
		c.get("/apis/drover/v1/nodes/"+node+"/journal", &told)
		out[node] = told
	}
	return out
}

func (c *cluster) migrate(way, url string) (string, error) {
	out, err := exec.Command(c.binary, "migrate", way, "--data", filepath.Join(c.dir, "data"), "--database", url, "--format", "json").Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		out = append(out, exit.Stderr...)
	}
	return string(out), err
}

// moves carries the site over and looks at what is said of it.
func (c *cluster) moves(way, url string) {
	c.t.Helper()
	out, err := c.migrate(way, url)
	if err != nil {
		c.t.Fatalf("%s: %v: %s", way, err, out)
	}
	var report struct {
		Result string
		Tables []struct {
			Table string
			Rows  int
			Equal bool
		}
		Stays []struct{ Name string }
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		c.t.Fatalf("%v: %s", err, out)
	}
	rows := map[string]int{}
	for _, table := range report.Tables {
		rows[table.Table] = table.Rows
		if !table.Equal {
			c.t.Errorf("%s: %s differs", way, table.Table)
		}
	}
	if report.Result != "copied" || rows["bos_components"] != len(c.nodes) || rows["journal_segments"] == 0 {
		c.t.Errorf("%s: %s", way, out)
	}
	for _, name := range []string{"s3/", "trust/"} {
		if !slices.ContainsFunc(report.Stays, func(k struct{ Name string }) bool { return k.Name == name }) {
			c.t.Errorf("%s: expected %s among what stays: %s", way, name, out)
		}
	}
}
