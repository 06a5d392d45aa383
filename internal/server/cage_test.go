package server

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
)

// A server whose kernel grants no namespaces does not start, unless it is told
// what that costs, or runs no sessions.
func TestAServerThatCannotBuildCagesSaysSo(t *testing.T) {
	const without = "DROVER_TEST_WITHOUT_NAMESPACES"
	if os.Geteuid() != 0 {
		t.Skip("only root can give a user namespace more than one user")
	}
	if os.Getenv(without) == "" {
		again := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		again.Env = append(os.Environ(), without+"=1")
		again.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{Size: 1 << 16}}, GidMappings: []syscall.SysProcIDMap{{Size: 1 << 16}}}
		out, err := again.CombinedOutput()
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	if err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0); err != nil {
		t.Fatal(err)
	}
	c := Config{Listen: "127.0.0.1:0", S3Listen: "127.0.0.1:0", Data: t.TempDir(), SSHPort: 22, MaxSessions: 2, PollPower: time.Minute}
	_, err := Start(t.Context(), c, Options{})
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "refuses namespaces") || !strings.Contains(err.Error(), "--uncaged") {
		t.Errorf("%v", err)
	}
	uncaged, held := c, c
	uncaged.Cage.Uncaged, held.HoldCFS = true, true
	for _, c := range []Config{uncaged, held} {
		c.Data = t.TempDir()
		s, err := Start(t.Context(), c, Options{})
		if err != nil {
			t.Fatal(err)
		}
		s.Stop()
	}
}

// What the log says at a start is what security.md does.
func TestOnlyRootChoosesWhomCagesRunAs(t *testing.T) {
	for _, c := range []struct{ server, asked, want int }{{0, 0, cageUser}, {0, 7, 7}, {999, 0, 999}, {999, 7, 999}} {
		if got := (&Cage{User: c.asked}).user(c.server); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

func TestRefusedCages(t *testing.T) {
	for says, g := range map[string]Cage{
		"cage-user":                    {Folders: nil, User: 0},
		"cage-folders: /var":           {User: 1, Folders: []string{"/var"}},
		"cage-folders: expected":       {User: 1, Folders: []string{"x"}},
		"session-memory":               {User: 1, Memory: 10},
		"session-processes":            {User: 1, Processes: 10},
		"session-time":                 {User: 1, Time: -1},
		"git-file-roots: expected abs": {User: 1, FileRoots: []string{"x"}},
	} {
		if err := g.check(&Config{Data: "/var/lib/drover"}); err == nil || !strings.HasPrefix(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}
