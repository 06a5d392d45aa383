package server

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/s3"
)

// ceph is a Ceph of one monitor, one store in memory and one object gateway.
type ceph struct {
	t   *testing.T
	dir string
}

const cephConfig = `[global]
fsid = %[1]s
mon host = v2:%[2]s
public addr = 127.0.0.1
cluster addr = 127.0.0.1
keyring = %[4]s/keyring
run dir = %[4]s
crash dir = %[4]s
log file = %[4]s/$name.log
admin socket = %[4]s/$name.$pid.asok
mon data = %[4]s/mon
mon data avail warn = 1
mon data avail crit = 1
mon allow pool size one = true
mon max pg per osd = 1000
osd data = %[4]s/osd
osd objectstore = memstore
memstore device bytes = 536870912
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
rgw data = %[4]s/rgw
rgw frontends = beast endpoint=%[3]s
rgw s3 auth use sts = true
rgw sts key = sixteen-letters-
`

// run runs a command of Ceph to its end.
func (c ceph) run(name string, args ...string) {
	c.t.Helper()
	out, err := c.command(name, args...).CombinedOutput()
	if err != nil {
		c.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

func (c ceph) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(c.t.Context(), name, args...)
	cmd.Env = append(os.Environ(), "CEPH_CONF="+filepath.Join(c.dir, "ceph.conf"))
	return cmd
}

// serve runs a daemon until the end of the test.
func (c ceph) serve(name string, args ...string) {
	c.t.Helper()
	cmd := c.command(name, append(args, "-f")...)
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		cmd.Process.Kill() //nolint:errcheck // it has ended then
		cmd.Wait()         //nolint:errcheck // it was killed
	})
}

// until waits until what is asked answers well.
func (c ceph) until(what string, asked func() error) {
	c.t.Helper()
	for end := time.Now().Add(time.Minute); ; {
		err := asked()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			c.t.Fatalf("%s does not answer: %v", what, err)
		}
	}
}

// startCeph starts a Ceph whose gateway has a user with the keys, and a role for it.
func startCeph(t *testing.T) elsewhere {
	t.Helper()
	if os.Getenv("CEPH_CHECK") == "" {
		t.Skip("needs a Ceph (ceph-mon, ceph-osd, radosgw): make test-objectstore installs one and runs this")
	}
	c := ceph{t: t, dir: t.TempDir()}
	keyring, monitor, gateway := filepath.Join(c.dir, "keyring"), fmt.Sprint("127.0.0.1:", freePort(t)), fmt.Sprint("127.0.0.1:", freePort(t))
	cluster, osd := uuid.NewString(), uuid.NewString()
	if err := os.WriteFile(filepath.Join(c.dir, "ceph.conf"), fmt.Appendf(nil, cephConfig, cluster, monitor, gateway, c.dir), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, data := range []string{"mon", "osd", "rgw"} {
		if err := os.Mkdir(filepath.Join(c.dir, data), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	c.run("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
	c.run("ceph-authtool", keyring, "--gen-key", "-n", "client.admin", "--cap", "mon", "allow *", "--cap", "osd", "allow *", "--cap", "mgr", "allow *")
	c.run("monmaptool", "--create", "--fsid", cluster, "--addv", "a", "[v2:"+monitor+"]", filepath.Join(c.dir, "monmap"))
	c.run("ceph-mon", "-i", "a", "--mkfs", "--monmap", filepath.Join(c.dir, "monmap"), "--keyring", keyring)
	c.serve("ceph-mon", "-i", "a")
	c.until("the monitor", func() error { return c.command("ceph", "--connect-timeout", "5", "mon", "stat").Run() })
	c.run("ceph", "osd", "new", osd, "0")
	c.run("ceph-authtool", keyring, "--gen-key", "-n", "osd.0")
	c.run("ceph", "auth", "add", "osd.0", "mon", "allow profile osd", "osd", "allow *", "-i", keyring)
	c.run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
	c.serve("ceph-osd", "-i", "0")
	c.serve("radosgw", "-n", "client.admin")
	const role = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam:::user/drover"]},"Action":["sts:AssumeRole"]}]}`
	const may = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::*"]}]}`
	c.run("radosgw-admin", "user", "create", "--uid", "drover", "--display-name", "drover", "--access-key", ofElsewhere.AccessKey, "--secret-key", ofElsewhere.SecretKey)
	c.run("radosgw-admin", "role", "create", "--role-name", "drover", "--assume-role-policy-doc", role)
	c.run("radosgw-admin", "role-policy", "put", "--role-name", "drover", "--policy-name", "objects", "--policy-doc", may)
	store, err := s3.NewClient("http://"+gateway, ofElsewhere)
	if err != nil {
		t.Fatal(err)
	}
	c.until("the gateway", func() error { return store.Ready(t.Context()) })
	return elsewhere{url: "http://" + gateway, keys: ofElsewhere, sts: STS{RoleARN: "arn:aws:iam:::role/drover"}}
}

func TestCredentialsOfARealCephAreForTheRole(t *testing.T) {
	e := startCeph(t)
	t.Run("with a role", func(t *testing.T) { keepsScopes(t, e, "Access Denied") })
	t.Run("without", func(t *testing.T) {
		c := testConfig(t)
		e.sts = STS{}
		e.use(&c)
		s, ask := startWithTokens(t, c)
		status, text := ask(tokenOf(t, s, auth.Administrator), "PUT", "/apis/sts/token", "")
		if status != http.StatusServiceUnavailable || !strings.Contains(text, "sts-role-arn") {
			t.Errorf("%d %s", status, text)
		}
	})
}
