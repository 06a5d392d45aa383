package jail

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/drover-hpc/drover/internal/jail/inner"
	"github.com/drover-hpc/drover/internal/jail/mount"
)

// init is the inner side of Run. It does not wait for main: by then all that
// the program imports would have been initialised, for each command on a node.
func init() {
	if os.Args[0] == jailName {
		fmt.Fprintln(os.Stderr, "jail:", enter())
		os.Exit(brokenExit)
	}
}

// niceness is that of commands on a simulated node, as jobs have it (setpriority(2)).
const niceness = 10

// enter builds the jail and becomes the command; it returns only to say why it
// could not.
func enter() error {
	runtime.LockOSThread() // capabilities and priorities belong to threads
	// The node's processors stand for those of another machine: its commands leave this
	// one's to the server.
	unix.Setpriority(unix.PRIO_PROCESS, 0, niceness) //nolint:errcheck // who has more already keeps it
	spec, err := readSpec()
	if err != nil {
		return err
	}
	sftp := len(spec.Argv) == 0
	if err := buildRoot(&spec, sftp); err != nil {
		return err
	}
	if err := spec.Image.enter(); err != nil {
		return err
	}
	if err := unix.Sethostname([]byte(spec.Hostname)); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	if err := os.Chdir("/root"); err != nil {
		return err
	}
	unix.Umask(0o022)
	if err := dropPrivileges(spec.Image != nil); err != nil {
		return err
	}
	argv, path := spec.Argv, sftpProgram
	if sftp {
		argv = []string{SFTPName}
	} else {
		path = argv[0]
	}
	return fmt.Errorf("run %s: %w", path, syscall.Exec(path, argv, spec.Env))
}

func readSpec() (Spec, error) {
	file := os.NewFile(specFile, "spec")
	defer file.Close()
	var spec Spec
	err := json.NewDecoder(file).Decode(&spec)
	if err != nil {
		return spec, fmt.Errorf("read what to run: %w", err)
	}
	return spec, nil
}

// sftpProgram is where a jail has this program for its SFTP server.
const sftpProgram = "/dev/.sftp-server"

// buildRoot mounts everything below root and makes it the root.
func buildRoot(spec *Spec, sftp bool) error {
	root := spec.Root
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := mount.Bind(root, root, mount.Sealed); err != nil {
		return err
	}
	for _, name := range inner.SystemDirs {
		info, err := os.Lstat("/" + name)
		if err != nil || !info.IsDir() {
			continue // not there, or the layer has the same link
		}
		if err := bindInto("/"+name, filepath.Join(root, name), mount.Sealed|mount.ReadOnly); err != nil {
			return err
		}
	}
	if err := mount.Dev(filepath.Join(root, "dev")); err != nil {
		return err
	}
	if sftp {
		if err := showSFTP(filepath.Join(root, "dev")); err != nil {
			return err
		}
	}
	if err := mount.Proc(filepath.Join(root, "proc")); err != nil {
		return err
	}
	if err := spec.Image.mount(root); err != nil {
		return err
	}
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("change the root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the host's root: %w", err)
	}
	return os.Chdir("/")
}

// bindInto is bind onto a folder of the layer, which must not be a link: what
// ran on the node before may have put one there.
func bindInto(from, to string, attributes uint64) error {
	if err := mount.MustBeDir(to); err != nil {
		return err
	}
	return mount.Bind(from, to, attributes)
}

// showSFTP puts this program into /dev, by its path: what /proc/self/exe leads to
// belongs to the host's mounts.
func showSFTP(dev string) error {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	program = strings.TrimSuffix(program, " (deleted)") // replaced by a newer one
	return mount.BindFile(program, filepath.Join(dev, filepath.Base(sftpProgram)), mount.Sealed|mount.ReadOnly)
}

// keptCapabilities are enough to install files and to become another user
// inside the layer, and no more.
var keptCapabilities = []uint{unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_KILL, unix.CAP_SETGID, unix.CAP_SETUID}

// imageCapabilities are those that the packages of an image need on top: they
// are installed as in a container.
var imageCapabilities = []uint{unix.CAP_SYS_CHROOT, unix.CAP_MKNOD, unix.CAP_SETFCAP, unix.CAP_SETPCAP,
	unix.CAP_AUDIT_WRITE, unix.CAP_NET_BIND_SERVICE}

func dropPrivileges(image bool) error {
	var kept uint64
	for _, c := range keptCapabilities {
		kept |= 1 << c
	}
	for _, c := range imageCapabilities {
		if image {
			kept |= 1 << c
		}
	}
	for c := uintptr(0); c < 64; c++ {
		if kept&(1<<c) != 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); errors.Is(err, unix.EINVAL) {
			break // the kernel knows no more
		} else if err != nil {
			return fmt.Errorf("drop capability %d: %w", c, err)
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("drop ambient capabilities: %w", err)
	}
	low, high := uint32(kept), uint32(kept>>32)
	data := [2]unix.CapUserData{{Effective: low, Permitted: low}, {Effective: high, Permitted: high}}
	if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &data[0]); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	if image { // whose programs that change the user are to work
		return unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid new privileges: %w", err)
	}
	return unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0)
}
