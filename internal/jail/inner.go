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
)

// init is the inner side of Run. It does not wait for main: by then all that
// the program imports would have been initialised, for each command on a node.
func init() {
	if os.Args[0] == jailName {
		fmt.Fprintln(os.Stderr, "jail:", enter())
		os.Exit(brokenExit)
	}
}

// enter builds the jail and becomes the command; it returns only to say why it
// could not.
func enter() error {
	runtime.LockOSThread() // capabilities belong to threads
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

// Attributes of mounts. A device on a read-only mount can be written to, but
// its owner and mode cannot be changed.
const (
	sealed = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
	device = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC | unix.MOUNT_ATTR_RDONLY
)

// buildRoot mounts everything below root and makes it the root.
func buildRoot(spec *Spec, sftp bool) error {
	root := spec.Root
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := bind(root, root, sealed); err != nil {
		return err
	}
	for _, name := range systemDirs {
		info, err := os.Lstat("/" + name)
		if err != nil || !info.IsDir() {
			continue // not there, or the layer has the same link
		}
		if err := bindInto("/"+name, filepath.Join(root, name), sealed|unix.MOUNT_ATTR_RDONLY); err != nil {
			return err
		}
	}
	if err := mountDev(filepath.Join(root, "dev"), sftp); err != nil {
		return err
	}
	if err := mountProc(filepath.Join(root, "proc")); err != nil {
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

// bind mounts from at to, with the attributes on it and all below.
func bind(from, to string, attributes uint64) error {
	if err := unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("mount %s: %w", from, err)
	}
	if err := unix.MountSetattr(unix.AT_FDCWD, to, unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: attributes}); err != nil {
		return fmt.Errorf("restrict the mount of %s (needs Linux 5.12): %w", from, err)
	}
	return nil
}

// bindInto is bind onto a folder of the layer, which must not be a link: what
// ran on the node before may have put one there.
func bindInto(from, to string, attributes uint64) error {
	if err := mustBeDir(to); err != nil {
		return err
	}
	return bind(from, to, attributes)
}

func mustBeDir(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s was replaced by something that is no folder", path)
	}
	return nil
}

func mountDev(dev string, sftp bool) error {
	if err := mustBeDir(dev); err != nil {
		return err
	}
	if err := unix.Mount("dev", dev, "tmpfs", unix.MS_NOSUID, "mode=755,size=64m"); err != nil {
		return fmt.Errorf("mount /dev: %w", err)
	}
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		if err := bindFile("/dev/"+name, filepath.Join(dev, name), device); err != nil {
			return err
		}
	}
	if sftp {
		// By its path: what /proc/self/exe leads to belongs to the host's mounts.
		program, err := os.Readlink("/proc/self/exe")
		if err != nil {
			return err
		}
		program = strings.TrimSuffix(program, " (deleted)") // replaced by a newer one
		if err := bindFile(program, filepath.Join(dev, filepath.Base(sftpProgram)), sealed|unix.MOUNT_ATTR_RDONLY); err != nil {
			return err
		}
	}
	if err := errors.Join(os.Mkdir(filepath.Join(dev, "shm"), 0o777), os.Chmod(filepath.Join(dev, "shm"), os.ModeSticky|0o777)); err != nil {
		return err
	}
	for name, to := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"} {
		if err := os.Symlink(to, filepath.Join(dev, name)); err != nil {
			return err
		}
	}
	return nil
}

func bindFile(from, to string, attributes uint64) error {
	if err := os.WriteFile(to, nil, 0o644); err != nil {
		return err
	}
	return bind(from, to, attributes)
}

// Files and folders of /proc through which root could reach the kernel.
var (
	procHidden   = []string{"kcore", "keys", "timer_list", "sched_debug", "latency_stats", "sysrq-trigger"}
	procReadOnly = []string{"sys", "irq", "bus", "fs"}
)

func mountProc(proc string) error {
	if err := mustBeDir(proc); err != nil {
		return err
	}
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := unix.Mount("proc", proc, "proc", flags, ""); err != nil {
		return unix.Mount("proc", proc, "tmpfs", flags|unix.MS_RDONLY, "mode=555,size=4k")
	}
	return sealProc(proc)
}

// sealProc hides and protects what reaches the kernel by a mounted /proc.
func sealProc(proc string) error {
	for _, name := range procHidden {
		if err := bind("/dev/null", filepath.Join(proc, name), device); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("hide /proc/%s: %w", name, err)
		}
	}
	for _, name := range procReadOnly {
		path := filepath.Join(proc, name)
		if err := bind(path, path, sealed|unix.MOUNT_ATTR_NOEXEC|unix.MOUNT_ATTR_RDONLY); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	return nil
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
