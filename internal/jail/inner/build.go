package inner

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/drover-hpc/drover/internal/jail/mount"
)

// init is the inner side of Cage.Confine, as that of Run is.
func init() {
	if os.Args[0] == Name {
		exit, err := occupy()
		if err != nil {
			verdict("the cage could not be built: " + err.Error())
			exit = BrokenExit
		}
		os.Exit(exit)
	}
}

// verdict tells the one who started the cage why its command ended.
func verdict(text string) {
	syscall.Pwrite(VerdictFile, []byte(text), 0) //nolint:errcheck // nobody is left to be told
}

// occupy builds the cage, runs the command in it and returns its exit status.
func occupy() (int, error) {
	runtime.LockOSThread() // capabilities belong to threads
	syscall.CloseOnExec(VerdictFile)
	file := os.NewFile(SpecFile, "spec")
	text, err := io.ReadAll(file)
	file.Close()
	var spec Spec
	if err == nil {
		spec, err = decode(text)
	}
	if err != nil {
		return 0, fmt.Errorf("read what to run: %w", err)
	}
	if err := spec.build(); err != nil {
		return 0, err
	}
	if err := spec.surrender(); err != nil {
		return 0, err
	}
	return spec.attend()
}

// build mounts all that the command is to see, and makes it the root.
func (c *Spec) build() error {
	// What has the user namespaces of this one counted is not to be had later.
	if err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0); err != nil {
		return fmt.Errorf("forbid further user namespaces: %w", err)
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := syscall.Mount("cage", c.Root, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "mode=755,size=16m"); err != nil {
		return fmt.Errorf("mount the root: %w", err)
	}
	syscall.Umask(0o022)
	for _, step := range []func() error{c.skeleton, c.system, c.etc, c.views} {
		if err := step(); err != nil {
			return err
		}
	}
	if err := os.Chdir(c.Root); err != nil {
		return err
	}
	if err := syscall.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("change the root: %w", err)
	}
	if err := syscall.Unmount(".", syscall.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the host's root: %w", err)
	}
	return mount.SetAttributes("/", mount.ReadOnly, false)
}

// at is where a path of the cage is while it is built.
func (c *Spec) at(path string) string { return c.Root + "/" + path }

// skeleton makes the folders that programs take for granted.
func (c *Spec) skeleton() error {
	for _, name := range []string{"dev", "proc", "sys", "etc", "run", "var", "tmp", "home", "opt", "srv", "mnt"} {
		if err := os.Mkdir(c.at(name), 0o755); err != nil {
			return err
		}
	}
	if err := errors.Join(os.Symlink("../tmp", c.at("var/tmp")), os.Symlink("../run", c.at("var/run"))); err != nil {
		return err
	}
	if err := mount.Dev(c.at("dev")); err != nil {
		return err
	}
	pts := c.at("dev/pts")
	if err := os.Mkdir(pts, 0o755); err != nil {
		return err
	}
	if err := syscall.Mount("devpts", pts, "devpts", syscall.MS_NOSUID|syscall.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0600"); err != nil {
		return fmt.Errorf("mount /dev/pts: %w", err)
	}
	if err := os.Symlink("pts/ptmx", c.at("dev/ptmx")); err != nil {
		return err
	}
	return c.proc()
}

// proc mounts /proc of the cage's own processes. Without one, where a
// container's is covered, the cage is none.
func (c *Spec) proc() error {
	const flags = syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC
	at := c.at("proc")
	if err := syscall.Mount("proc", at, "proc", flags, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	return mount.SealProc(at)
}

// system shows the host's programs.
func (c *Spec) system() error {
	for _, name := range append([]string{"opt"}, SystemDirs...) {
		info, err := os.Lstat("/" + name)
		switch {
		case err != nil:
			continue
		case info.Mode()&fs.ModeSymlink != 0:
			to, err := os.Readlink("/" + name)
			if err == nil {
				err = os.Symlink(to, c.at(name))
			}
			if err != nil {
				return err
			}
			continue
		}
		if err := c.show(View{From: "/" + name}); err != nil {
			return err
		}
	}
	return nil
}

// views shows what is asked for, what holds others before them.
func (c *Spec) views() error {
	slices.SortStableFunc(c.Views, func(a, b View) int {
		return strings.Compare(cmp.Or(a.To, a.From), cmp.Or(b.To, b.From))
	})
	for _, v := range c.Views {
		if err := c.show(v); err != nil {
			return err
		}
	}
	return nil
}

// show mounts one of the machine's folders or files, if it is there.
func (c *Spec) show(v View) error {
	info, err := os.Stat(v.From)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	to := c.at(cmp.Or(v.To, v.From))
	if info.IsDir() {
		err = os.MkdirAll(to, 0o755)
	} else if err = os.MkdirAll(to[:strings.LastIndexByte(to, '/')], 0o755); err == nil {
		var f *os.File
		if f, err = os.OpenFile(to, os.O_CREATE|os.O_WRONLY|syscall.O_NOFOLLOW, 0o644); err == nil {
			f.Close()
		} else if _, serr := os.Lstat(to); serr == nil {
			err = nil // in a folder that is shown read-only
		}
	}
	if err == nil {
		err = mustBe(to, info.IsDir())
	}
	if err != nil {
		return fmt.Errorf("show %s: %w", v.From, err)
	}
	attributes := uint64(mount.Sealed)
	if !v.Writable {
		attributes |= mount.ReadOnly
	}
	return mount.Bind(v.From, to, attributes)
}

// mustBe refuses what leads elsewhere: a folder that a command could write may
// have a link there.
func mustBe(path string, folder bool) error {
	info, err := os.Lstat(path)
	if err == nil && (info.Mode()&fs.ModeSymlink != 0 || info.IsDir() != folder) {
		err = fmt.Errorf("%s was replaced by something else", path)
	}
	return err
}

// surrender gives up every right but those of the user.
func (c *Spec) surrender() error {
	if os.Geteuid() == 0 {
		for _, err := range []error{syscall.Setgroups([]int{c.User}), syscall.Setresgid(c.User, c.User, c.User)} {
			if err != nil {
				return fmt.Errorf("become user %d: %w", c.User, err)
			}
		}
	}
	for one := uintptr(0); one < 64; one++ {
		if err := prctl(syscall.PR_CAPBSET_DROP, one); errors.Is(err, syscall.EINVAL) {
			break // the kernel knows no more
		} else if err != nil {
			return fmt.Errorf("drop capability %d: %w", one, err)
		}
	}
	if os.Geteuid() == 0 {
		if err := syscall.Setresuid(c.User, c.User, c.User); err != nil {
			return fmt.Errorf("become user %d: %w", c.User, err)
		}
	}
	if err := prctl(capAmbient, capAmbientClearAll); err != nil {
		return fmt.Errorf("drop ambient capabilities: %w", err)
	}
	if err := dropAll(); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	if err := prctl(setNoNewPrivs, 1); err != nil {
		return fmt.Errorf("forbid new privileges: %w", err)
	}
	if err := prctl(syscall.PR_SET_DUMPABLE, 0); err != nil {
		return err
	}
	// Another user's process forgets who it dies with.
	return prctl(syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL))
}

// passwd and group name the users there are.
func (c *Spec) passwd() string {
	id := strconv.Itoa(c.User)
	return "root:x:0:0:root:/root:/usr/sbin/nologin\ndrover:x:" + id + ":" + strconv.Itoa(c.group()) + ":drover:" + c.Home + ":/bin/sh\n" +
		"nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
}

func (c *Spec) groups() string {
	return "root:x:0:\ndrover:x:" + strconv.Itoa(c.group()) + ":\nnogroup:x:65534:\n"
}

// group is the command's.
func (c *Spec) group() int {
	if os.Geteuid() != 0 {
		return os.Getegid()
	}
	return c.User
}
