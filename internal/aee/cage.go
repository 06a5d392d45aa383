package aee

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/jail"
	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/vcs"
)

// Cage is what the steps of a session see and may use of the server's machine.
type Cage struct {
	// User is whom they run as, if the server is root.
	User int `json:"user"`
	// Folders are shown beside those of the system, read-only.
	Folders []string `json:"folders,omitempty"`
	// Memory and Processes are those of jail.Cage.
	Memory    int64 `json:"memory,omitempty"`
	Processes int   `json:"processes,omitempty"`
}

const (
	// cageDir is the folder of a job with what its cages have beside Dir.Work.
	cageDir = "cage"
	// cageHome is the home of a cage's user.
	cageHome = "/home/drover"
	// enterFile describes the cage of the step ansible, for who looks around in it.
	enterFile = "enter.json"
)

// given are the files of a job that its steps read, and the step that alone does.
var given = []struct{ name, step string }{{"job.json", ""}, {"settings.json", ""}, {"logins.json", StepClone}, {"steps.json", StepTeardown}}

// keeper has the steps of a job run in cages. Between two steps nothing of the
// job runs but this.
type keeper struct {
	dir      Dir
	job      cfs.Job
	settings Settings
}

func (k *keeper) caged() bool { return k.settings.Cage != nil }

// before makes ready what a step finds.
func (k *keeper) before(step string) error {
	if k.caged() {
		if err := k.furnish(step); err != nil {
			return fmt.Errorf("make the cage ready: %w", err)
		}
	}
	if step == StepClone {
		return k.settings.giveMirrors()
	}
	if step != StepInventory || k.settings.TrustDir == "" {
		return nil
	}
	if err := issueKey(k.dir, k.job, k.settings); err != nil {
		return err
	}
	return k.hand("ssh")
}

// furnish makes the folders of the next cage, without what is left of the last.
// The folders themselves stay, and what something was mounted on: it takes
// milliseconds to make them anew.
func (k *keeper) furnish(step string) error {
	d := k.dir
	var gone []string
	for _, dir := range []string{d.Path(cageDir, "tmp"), d.Path(cageDir, "home")} {
		left, _ := os.ReadDir(dir) // not there yet
		for _, e := range left {
			gone = append(gone, filepath.Join(dir, e.Name()))
		}
	}
	if info, err := os.Lstat(d.Work().Path("ssh")); err == nil && !info.IsDir() {
		gone = append(gone, d.Work().Path("ssh"))
	}
	for _, g := range given {
		if info, err := os.Lstat(d.Work().Path(g.name)); err == nil && !info.Mode().IsRegular() {
			gone = append(gone, d.Work().Path(g.name))
		}
	}
	for _, path := range gone {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	for _, path := range []string{d.Path(cageDir, "root"), d.Path(cageDir, "tmp"), d.Path(cageDir, "home"), d.Path("ssh")} {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return err
		}
	}
	if err := settle(d.Path(cageDir, "home"), step); err != nil {
		return err
	}
	if err := os.Chmod(d.Path(cageDir, "tmp"), 0o777|fs.ModeSticky); err != nil {
		return err
	}
	if step == StepAnsible {
		if err := d.Write(enterFile, k.cage(step)); err != nil {
			return err
		}
	}
	return k.hand("work", cageDir+"/tmp", cageDir+"/home", "ssh", "job.json", "settings.json", "logins.json", "steps.json")
}

// hand gives what is there of the job to the user of its cages. Folders that are
// to be filled again are handed with what is in them; a step's own files are its
// user's anyway.
func (k *keeper) hand(names ...string) error {
	if !k.caged() || os.Geteuid() != 0 {
		return nil
	}
	var errs []error
	for _, name := range names {
		path := k.dir.Path(name)
		if name == "work" {
			errs = append(errs, os.Lchown(path, k.settings.Cage.User, k.settings.Cage.User))
			continue
		}
		errs = append(errs, giveTree(path, k.settings.Cage.User))
	}
	return errors.Join(errs...)
}

// giveMirrors has the folder of mirrors be there, and belong to whom the clone
// runs as: git trusts no other's.
func (s *Settings) giveMirrors() error {
	if err := os.MkdirAll(s.CacheDir, 0o700); err != nil {
		return err
	}
	user := os.Geteuid()
	if user != 0 {
		return nil // they are this user's already
	}
	if s.Cage != nil {
		user = s.Cage.User
	}
	if info, err := os.Stat(s.CacheDir); err != nil || int(info.Sys().(*syscall.Stat_t).Uid) == user {
		return err
	}
	if err := giveTree(s.CacheDir, user); err != nil {
		return fmt.Errorf("give the mirrors to user %d: %w", user, err)
	}
	return nil
}

// giveTree gives a file, or a folder and all in it, to a user. What is not there
// is not given.
func giveTree(path string, user int) error {
	return filepath.WalkDir(path, func(path string, _ fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return os.Lchown(path, user, user)
	})
}

// settle puts what the server's user has told git and ssh into a home: how
// hosts are reached, and for the clone by which logins.
func settle(home, step string) error {
	from, err := os.UserHomeDir()
	if err != nil {
		return nil //nolint:nilerr // there is none
	}
	names := []string{".ssh/config", ".ssh/known_hosts"}
	if step == StepClone {
		names = append(names, ".gitconfig", ".git-credentials", ".netrc")
		entries, _ := os.ReadDir(filepath.Join(from, ".ssh")) // usually there is none
		for _, e := range entries {
			if e.Type().IsRegular() {
				names = append(names, ".ssh/"+e.Name())
			}
		}
	}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(from, name))
		if err != nil && name != ".gitconfig" {
			continue // ssh and git would not mind either
		}
		if name == ".gitconfig" { // repositories of this machine may be another user's
			text = append(text, "\n[safe]\n\tdirectory = *\n"...)
		}
		path := filepath.Join(home, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, text, 0o600)); err != nil {
			return err
		}
	}
	return nil
}

// cage is that of a step.
func (k *keeper) cage(step string) jail.Cage {
	d, s := k.dir, k.settings
	views := []jail.View{
		{From: string(d.Work()), To: string(d), Writable: true},
		{From: d.Path(cageDir, "tmp"), To: "/tmp", Writable: true},
		{From: d.Path(cageDir, "home"), To: cageHome, Writable: true},
		{From: d.Path("ssh"), Writable: step == StepInventory},
		{From: s.CacheDir, Writable: step == StepClone},
	}
	for _, g := range given {
		if g.step == "" || g.step == step {
			views = append(views, jail.View{From: d.Path(g.name)})
		}
	}
	for _, path := range append([]string{s.CAFile, s.ConfigDir}, s.Cage.Folders...) {
		if path != "" {
			views = append(views, jail.View{From: path})
		}
	}
	if step == StepClone {
		views = append(views, k.repositories()...)
	}
	return jail.Cage{Root: d.Path(cageDir, "root"), Home: cageHome, User: s.Cage.User, Views: views,
		Memory: s.Cage.Memory, Processes: s.Cage.Processes}
}

// repositories are those of this machine that the clone may read: the job's, and
// where its submodules may lie.
func (k *keeper) repositories() (views []jail.View) {
	layers := k.job.Layers
	if k.job.Inventory != nil {
		layers = append(slices.Clone(layers), *k.job.Inventory)
	}
	for _, l := range layers {
		if path, local, err := vcs.LocalPath(l.CloneURL); err == nil && local && k.settings.Files.Check(l.CloneURL) == nil {
			views = append(views, jail.View{From: path})
		}
	}
	for _, root := range k.settings.Files.Roots {
		if root != "/" {
			views = append(views, jail.View{From: root})
		}
	}
	return views
}

// confine has a step's command run in its cage.
func (k *keeper) confine(step string, cmd *exec.Cmd) (over func() error, err error) {
	return k.cage(step).Confine(cmd)
}

// environ is what a step has of the supervisor's environment: git's logins are
// those of the clone.
func (k *keeper) environ(step string) []string {
	var further []string
	if step == StepClone {
		further = gitVariables
	}
	env := job.Environ(os.Environ(), further...)
	if !k.caged() {
		return env
	}
	env = slices.DeleteFunc(env, func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return name == "TMPDIR" || name == "SSH_AUTH_SOCK" // not there, or another's
	})
	return append(env, "HOME="+cageHome, "USER=drover", "LOGNAME=drover", "SHELL=/bin/sh")
}

// gitVariables are what a site may tell git by the server's environment.
var gitVariables = []string{"VCS_USERNAME", "VCS_PASSWORD", "SSH_AUTH_SOCK", "GIT_*"}

// after removes what the steps left, and mirrors that are too many: a step does
// not see whose checkouts borrow from them.
func (k *keeper) after() error {
	err := Clean(k.dir)
	if !k.caged() {
		return err // the clone trimmed the mirrors
	}
	return errors.Join(err, trimMirrors(k.settings.CacheDir, filepath.Dir(string(k.dir)), k.settings.MaxMirrors))
}

// Enter has a command run where the session that is held in the directory
// failed: in a cage like that of its playbook, if that had one.
func Enter(dir string, cmd *exec.Cmd) (over func() error, err error) {
	cage, err := job.Read[jail.Cage](Dir(dir), enterFile)
	if errors.Is(err, fs.ErrNotExist) {
		return func() error { return nil }, nil
	}
	if err != nil {
		return nil, err
	}
	return cage.Confine(cmd)
}
