package jail

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/need"
)

// cageUser is whom cages of tests run as where the tests are root's.
const cageUser = 60999

// emptyCage is a cage with a home, and what lies in the folder of the test.
func emptyCage(t testing.TB) (c Cage, secret string) {
	t.Helper()
	dir := t.TempDir()
	need.Met(t, ProbeCage(filepath.Join(dir, "probe"), cageUser))
	for _, name := range []string{"root", "home", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if os.Geteuid() == 0 && name != "root" {
			if err := os.Chown(filepath.Join(dir, name), cageUser, cageUser); err != nil {
				t.Fatal(err)
			}
		}
	}
	secret = filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("word"), 0o644); err != nil {
		t.Fatal(err)
	}
	return Cage{Root: filepath.Join(dir, "root"), Home: "/home/drover", User: cageUser, Views: []View{
		{From: filepath.Join(dir, "home"), To: "/home/drover", Writable: true}, {From: filepath.Join(dir, "tmp"), To: "/tmp", Writable: true}}}, secret
}

// inCage runs a shell script with the arguments.
func inCage(t testing.TB, c Cage, script string, args ...string) (said string, why, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", script, "sh"}, args...)...)
	cmd.Env, cmd.Dir = []string{"PATH=/usr/bin:/bin", "HOME=/home/drover"}, "/home/drover"
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	over, err := c.Confine(cmd)
	if err != nil {
		t.Fatal(err)
	}
	err = cmd.Run()
	return strings.TrimSpace(out.String()), over(), err
}

func TestACagedCommandSeesWhatItIsShownAlone(t *testing.T) {
	c, secret := emptyCage(t)
	for _, path := range []string{secret, "/etc/shadow", "/root", "/etc/ssh/sshd_config", "/proc/1/environ", "/proc/1/root/etc"} {
		if said, _, err := inCage(t, c, `if test -d "$1"; then ls "$1"; else cat "$1"; fi`, path); err == nil {
			t.Errorf("%s is seen: %s", path, said)
		}
	}
	c.Views = append(c.Views, View{From: secret})
	if said, why, err := inCage(t, c, `cat "$1"`, secret); err != nil || said != "word" {
		t.Errorf("%q, %v, %v", said, why, err)
	}
	for _, script := range []string{`echo >"$1"`, `rm "$1"`, "touch /etc/x", "touch /usr/x", "touch /x", "mount -t tmpfs x /tmp", "unshare -U true", "chown 0 ~"} {
		if said, _, err := inCage(t, c, script, secret); err == nil {
			t.Errorf("%s went well: %s", script, said)
		}
	}
	said, why, err := inCage(t, c, `id -un; echo ~; touch ~/x /tmp/x && grep -E 'NoNewPrivs|Cap(Prm|Eff|Bnd|Amb)' /proc/self/status; ls /proc | grep -c '^[0-9]'`)
	want := "drover\n/home/drover\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\n4"
	if err != nil || said != want {
		t.Errorf("%s\n%v, %v", said, why, err)
	}
}

func TestNothingOutlivesACagedCommand(t *testing.T) {
	c, _ := emptyCage(t)
	mark := "987654321." + filepath.Base(filepath.Dir(c.Root))
	said, why, err := inCage(t, c, `setsid sleep 987654 & exec 2>/dev/null >&2; setsid sh -c "sleep 987654; : $1" & exit 3`, mark)
	if err == nil || why != nil || err.(*exec.ExitError).ExitCode() != 3 {
		t.Errorf("%s, %v, %v", said, why, err)
	}
	if out, err := exec.Command("pgrep", "-f", mark).Output(); err == nil {
		t.Errorf("still there: %s", out)
	}
}

func TestACagedCommandIsEndedThatUsesTooMuch(t *testing.T) {
	c, _ := emptyCage(t)
	c.Memory, c.Processes = 64<<20, 40
	for script, want := range map[string]string{
		`for i in $(seq 60); do sleep 60 & done; wait`:                                         "ended: it had more than 40 processes (session-processes)",
		`python3 -c 'import time; x = [b"x" * (1 << 20) for _ in range(100)]; time.sleep(60)'`: "ended: it used more than 64 MiB of memory (session-memory)",
	} {
		if said, why, err := inCage(t, c, script); err == nil || why == nil || why.Error() != want {
			t.Errorf("%s: %v, %v\n%.300s", script, why, err, said)
		}
	}
	if said, why, err := inCage(t, c, `python3 -c 'x = b"x" * (30 << 20)'`); err != nil {
		t.Errorf("%s, %v, %v", said, why, err)
	}
}
