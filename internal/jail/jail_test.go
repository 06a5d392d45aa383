package jail_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/jail"
	"github.com/drover-hpc/drover/internal/jail/sftpd"
	"github.com/drover-hpc/drover/internal/need"
)

func TestMain(m *testing.M) {
	sftpd.Main()
	os.Exit(m.Run())
}

// layer is a fresh node's root, or a skipped test where the kernel grants none.
func layer(t *testing.T) string {
	t.Helper()
	need.Met(t, jail.Probe(filepath.Join(t.TempDir(), "probe")))
	root := filepath.Join(t.TempDir(), "x1", "root")
	if err := jail.Seed(root, "x1000c0s0b0n0"); err != nil {
		t.Fatal(err)
	}
	return root
}

type result struct {
	exit     int
	out, err string
}

func sh(t *testing.T, root, script, input string) result {
	t.Helper()
	var out, errs bytes.Buffer
	exit, err := jail.Run(t.Context(), jail.Spec{Root: root, Hostname: "x1000c0s0b0n0",
		Argv: []string{"/bin/sh", "-c", script}, Env: []string{"PATH=/usr/bin:/usr/sbin:/bin:/sbin", "HOME=/root"}},
		jail.Streams{In: strings.NewReader(input), Out: &out, Err: &errs})
	if err != nil {
		t.Fatal(err)
	}
	return result{exit, out.String(), errs.String()}
}

func TestCommandsWork(t *testing.T) {
	root := layer(t)
	for _, c := range []struct{ name, script, in, out string }{
		{"input", "cat", "hello", "hello"},
		{"host name", "hostname; cat /etc/hostname", "", "x1000c0s0b0n0\nx1000c0s0b0n0\n"},
		{"home", "pwd; id -un", "", "/root\nroot\n"},
		{"own processes only", "set -- /proc/[0-9]*; echo $$ $#", "", "1 1\n"},
		{"niceness", "nice", "", "10\n"},
		{"null device", "echo gone > /dev/null; echo kept >> /dev/null; head -c 2 /dev/zero | wc -c", "", "2\n"},
		{"python", "/usr/bin/python3 -c 'import json, subprocess; print(subprocess.run([\"echo\", \"x\"], capture_output=True).stdout)'", "", "b'x\\n'\n"},
		{"temporary files", "f=$(mktemp) && echo text > $f && cat $f", "", "text\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := sh(t, root, c.script, c.in); got.out != c.out || got.exit != 0 {
				t.Errorf("got %+v, want output %q", got, c.out)
			}
		})
	}
	if got := sh(t, root, "echo no >&2; exit 7", ""); got != (result{7, "", "no\n"}) {
		t.Errorf("status and error stream: %+v", got)
	}
}

func TestWhatIsWrittenIsTheNodesOwn(t *testing.T) {
	root := layer(t)
	before, _ := os.ReadFile("/etc/motd")
	got := sh(t, root, "echo drover > /etc/motd && echo r > /root/r && mkdir -p /data && echo d > /data/d && chown 12:34 /data/d && chmod 4755 /data/d", "")
	if os.Geteuid() == 0 && got.exit != 0 {
		t.Fatalf("%+v", got)
	}
	for path, want := range map[string]string{"etc/motd": "drover\n", "root/r": "r\n", "data/d": "d\n"} {
		if text, err := os.ReadFile(filepath.Join(root, path)); err != nil || string(text) != want {
			t.Errorf("%s in the layer: %q, %v", path, text, err)
		}
	}
	if after, _ := os.ReadFile("/etc/motd"); !bytes.Equal(before, after) {
		t.Error("the host's /etc/motd changed")
	}
	if got := sh(t, root, "cat /etc/motd /root/r", ""); got.out != "drover\nr\n" {
		t.Errorf("the next command sees %+v", got)
	}
}

func TestTheHostIsOutOfReach(t *testing.T) {
	root := layer(t)
	secret := filepath.Join(t.TempDir(), "secret")
	kept, err := os.CreateTemp("/tmp", "drover-host-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(kept.Name()) })
	if err := os.WriteFile(secret, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	null, err := os.Stat("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, script string }{
		{"write /usr", ": > /usr/drover-was-here"},
		{"write /bin", ": > /bin/drover-was-here"},
		{"remove /usr/bin/env", "rm -f /usr/bin/env"},
		{"chmod /usr", "chmod 777 /usr"},
		{"remount /usr", "mount -o remount,rw /usr"},
		{"mount", "mount -t tmpfs none /mnt"},
		{"new namespaces", "unshare -m true"},
		{"chmod /dev/null", "chmod 600 /dev/null"},
		{"make a device", "mknod /tmp/sda b 8 0"},
		{"set kernel parameters", "echo 1 > /proc/sys/kernel/panic"},
		{"core pattern", "echo '|/tmp/x' > /proc/sys/kernel/core_pattern"},
		{"see the host's files", "test -e " + secret},
		{"see the host's /tmp", "test -e " + kept.Name()},
		{"leave through process 1", "test -e /proc/1/root" + secret},
		{"leave the root", "cd /; cd ../../../../..; test -e ." + secret},
		{"see /sys", "test -e /sys/kernel"},
		{"change the clock", "date -s 2001-01-01"},
		{"set the host name", "hostname other"},
		{"link to the host", "ln -s " + secret + " /tmp/link && cat /tmp/link"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := sh(t, root, c.script, ""); got.exit == 0 {
				t.Errorf("%q succeeded: %+v", c.script, got)
			}
		})
	}
	sh(t, root, "rm -rf /tmp/* /var/* /root/* /etc/* /usr/sbin /home 2>/dev/null", "")
	for _, path := range []string{kept.Name(), secret, "/usr/bin/env", "/usr/sbin", "/etc/passwd", "/dev/null"} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("the host lost %s: %v", path, err)
		}
	}
	if after, err := os.Stat("/dev/null"); err != nil || after.Mode() != null.Mode() {
		t.Errorf("the host's /dev/null changed: %v, %v", after, err)
	}
}

// A node's user may replace folders of the layer before the next command: the
// jail is then refused, and nothing is mounted or written elsewhere.
func TestReplacedFoldersAreNotFollowed(t *testing.T) {
	root := layer(t)
	for _, name := range []string{"dev", "proc"} {
		elsewhere := t.TempDir()
		path := filepath.Join(root, name)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(elsewhere, path); err != nil {
			t.Fatal(err)
		}
		if got := sh(t, root, "true", ""); got.exit == 0 || !strings.Contains(got.err, "replaced") {
			t.Errorf("/%s: %+v", name, got)
		}
		if entries, _ := os.ReadDir(elsewhere); len(entries) > 0 {
			t.Errorf("/%s: files appeared behind the link", name)
		}
		os.Remove(path)
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEndOfContextKillsEverything(t *testing.T) {
	root := layer(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		exit, _ := jail.Run(ctx, jail.Spec{Root: root, Hostname: "x", Argv: []string{"/bin/sh", "-c",
			"(trap '' TERM HUP INT; while :; do echo beat; sleep 0.01; done) & wait"}, Env: []string{"PATH=/usr/bin:/bin"}},
			jail.Streams{In: strings.NewReader(""), Out: in, Err: io.Discard})
		in.Close()
		ended <- exit
	}()
	if _, err := io.ReadFull(out, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	cancel()
	go io.Copy(io.Discard, out) //nolint:errcheck // drains
	select {
	case exit := <-ended:
		if exit != 128+9 {
			t.Errorf("status %d, want 137", exit)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the command's children live on")
	}
}
