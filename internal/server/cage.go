package server

import (
	"cmp"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/drover-hpc/drover/internal/aee"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/jail"
	"github.com/drover-hpc/drover/internal/vcs"
)

// Cage is how CFS sessions are kept apart from the server's machine.
type Cage struct {
	Uncaged   bool          `mapstructure:"uncaged"`
	User      int           `mapstructure:"cage-user"`
	Folders   []string      `mapstructure:"cage-folders"`
	Memory    int64         `mapstructure:"session-memory"` // MiB
	Processes int           `mapstructure:"session-processes"`
	Time      time.Duration `mapstructure:"session-time"`
	FileRoots []string      `mapstructure:"git-file-roots"`
}

const (
	// cageUser is a number that no distribution gives to anybody.
	cageUser = 60999
	// leastSession is the lowest limit of a session's memory that is taken, in
	// MiB: Ansible itself needs nearly as much.
	leastSession = 256
	// leastProcesses is the same of its processes.
	leastProcesses = 100
)

func declareCage(f *pflag.FlagSet) {
	f.Bool("uncaged", false, "have playbooks see and do on this machine what the server may, where the kernel grants no namespaces")
	f.Int("cage-user", cageUser, "`UID` that playbooks run as on this machine, if the server is root")
	f.StringSlice("cage-folders", nil, "`DIR`s that playbooks see on this machine, read-only, besides /usr, /opt and their own")
	f.Int64("session-memory", 0, "memory that a step of a session may use, in `MiB`; 0: half of what the machine, or its cgroup, has; -1: any")
	f.Int("session-processes", 20_000, "processes and threads that a step of a session may have; 0: any number")
	f.Duration("session-time", 24*time.Hour, "time that a step of a session may take; 0: any")
	f.StringSlice("git-file-roots", nil, "`DIR`s in which the repositories lie that clone URLs may name by path (default: those of the data directory, and on loopback those of the server's user)")
}

// check refuses what cannot work, and makes paths absolute.
func (g *Cage) check(c *Config) error {
	for flag, list := range map[string][]string{"cage-folders": g.Folders, "git-file-roots": g.FileRoots} {
		for i, dir := range list {
			if !filepath.IsAbs(dir) {
				return fault.New(fault.Invalid, "%s: expected absolute paths, got %q", flag, dir)
			}
			list[i] = filepath.Clean(dir)
		}
	}
	for _, dir := range g.Folders {
		if rest, err := filepath.Rel(dir, c.Data); err == nil && filepath.IsLocal(rest) {
			return fault.New(fault.Invalid, "cage-folders: %s holds the data directory, with keys and passwords that no playbook is to see", dir)
		}
	}
	switch {
	case g.User < 1:
		return fault.New(fault.Invalid, "cage-user: expected the number of a user who is not root, got %d", g.User)
	case g.Memory < -1 || g.Memory > 0 && g.Memory < leastSession:
		return fault.New(fault.Invalid, "session-memory: expected 0, which is half of the machine's, -1, which is any, or at least %d MiB, got %d", leastSession, g.Memory)
	case g.Processes < 0 || g.Processes > 0 && g.Processes < leastProcesses:
		return fault.New(fault.Invalid, "session-processes: expected 0, which is any number, or at least %d, got %d", leastProcesses, g.Processes)
	case g.Time < 0:
		return fault.New(fault.Invalid, "session-time: expected 0s, which is any, or more, got %s", g.Time)
	}
	return nil
}

// user is whom steps run as, by whom the server runs as: only root can choose.
func (g *Cage) user(server int) int {
	if server != 0 {
		return server
	}
	return cmp.Or(g.User, cageUser)
}

// steps are what the steps of sessions see and may use; nil: what the server may.
func (g *Cage) steps() *aee.Cage {
	if g.Uncaged {
		return nil
	}
	c := &aee.Cage{User: g.user(os.Geteuid()), Folders: g.Folders, Processes: g.Processes}
	switch {
	case g.Memory > 0:
		c.Memory = g.Memory << 20
	case g.Memory == 0:
		c.Memory = (&Config{}).Memory()
	}
	return c
}

// files are the repositories of this machine that clone URLs may name by path.
func (c *Config) files() vcs.Files {
	if len(c.Cage.FileRoots) > 0 {
		return vcs.Files{Roots: c.Cage.FileRoots}
	}
	return vcs.Files{Roots: []string{filepath.Join(c.Data, "vcs")}, Own: onLoopback(c.Listen), Owner: os.Geteuid()}
}

// checkCage finds out whether sessions can be kept apart from this machine, if
// they run here: otherwise all would fail, later.
func (s *Server) checkCage() error {
	g := &s.config.Cage
	if s.opts.Executor != nil || s.config.Executor == executorKubernetes || s.config.HoldCFS {
		return nil
	}
	if g.Uncaged {
		slog.Warn("playbooks are not kept apart from this machine: they see this server's database, keys and environment, and may use any memory", "uncaged", true)
		return nil
	}
	cage := g.steps()
	err := jail.ProbeCage(filepath.Join(s.config.Data, "cage"), cage.User)
	if err != nil {
		return fault.New(fault.Unavailable, "CFS sessions cannot be kept apart from this machine: %w. Their playbooks would see this server's database and keys. "+
			"Have the kernel grant namespaces (user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns; in a container: CAP_SYS_ADMIN and no seccomp profile that forbids them), "+
			"or start with --uncaged, which accepts that, or with --cfs-hold-sessions, which runs no sessions", err)
	}
	slog.Info("sessions run in cages", "user", cage.User, "memory", cage.Memory>>20, "processes", cage.Processes, "time", g.Time, "folders", strings.Join(cage.Folders, " "))
	return nil
}
