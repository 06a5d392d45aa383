package mount

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// Attributes of mounts, as mount_setattr takes them.
const (
	ReadOnly = 0x1
	noSetuid = 0x2
	NoDevice = 0x4
	NoExec   = 0x8

	// Sealed is for what may be read or written, and no more.
	Sealed = noSetuid | NoDevice
	// device is for devices. One on a read-only mount can be written to, but its
	// owner and mode cannot be changed.
	device = noSetuid | NoExec | ReadOnly
)

// The kernel's names for SetAttributes.
const (
	atHere           = -100
	recursive        = 0x8000
	callMountSetattr = 442 // on every architecture
)

// SetAttributes adds attributes to the mount at the path, and on request to all
// below.
func SetAttributes(path string, attributes uint64, below bool) error {
	name, err := syscall.BytePtrFromString(path)
	if err != nil {
		return err
	}
	flags, here := 0, atHere
	if below {
		flags = recursive
	}
	attr := [4]uint64{attributes} // to set; to clear, propagation and user namespace stay
	_, _, errno := syscall.Syscall6(callMountSetattr, uintptr(here), uintptr(unsafe.Pointer(name)), uintptr(flags), uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return fmt.Errorf("restrict the mount of %s (needs Linux 5.12): %w", path, errno)
	}
	return nil
}

// Bind mounts from at to, with the attributes on it and all below.
func Bind(from, to string, attributes uint64) error {
	if err := syscall.Mount(from, to, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
		return fmt.Errorf("mount %s: %w", from, err)
	}
	return SetAttributes(to, attributes, true)
}

// MustBeDir refuses anything else: what ran before may have put a link there.
func MustBeDir(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s was replaced by something that is no folder", path)
	}
	return nil
}

// Dev mounts a /dev with what every program may use.
func Dev(dev string) error {
	if err := MustBeDir(dev); err != nil {
		return err
	}
	if err := syscall.Mount("dev", dev, "tmpfs", syscall.MS_NOSUID, "mode=755,size=64m"); err != nil {
		return fmt.Errorf("mount /dev: %w", err)
	}
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		if err := BindFile("/dev/"+name, dev+"/"+name, device); err != nil {
			return err
		}
	}
	if err := errors.Join(os.Mkdir(dev+"/shm", 0o777), os.Chmod(dev+"/shm", os.ModeSticky|0o777)); err != nil {
		return err
	}
	for name, to := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"} {
		if err := os.Symlink(to, dev+"/"+name); err != nil {
			return err
		}
	}
	return nil
}

// BindFile is Bind of a file onto a new one.
func BindFile(from, to string, attributes uint64) error {
	if err := os.WriteFile(to, nil, 0o644); err != nil {
		return err
	}
	return Bind(from, to, attributes)
}

// Files and folders of /proc through which root could reach the kernel.
var (
	procHidden   = []string{"kcore", "keys", "timer_list", "sched_debug", "latency_stats", "sysrq-trigger"}
	procReadOnly = []string{"sys", "irq", "bus", "fs"}
)

// Proc mounts /proc of the caller's process namespace, without what reaches the
// kernel; an empty one where the kernel refuses that.
func Proc(proc string) error {
	if err := MustBeDir(proc); err != nil {
		return err
	}
	const flags = syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC
	if err := syscall.Mount("proc", proc, "proc", flags, ""); err != nil {
		return syscall.Mount("proc", proc, "tmpfs", flags|syscall.MS_RDONLY, "mode=555,size=4k")
	}
	return SealProc(proc)
}

// SealProc hides and protects what reaches the kernel by a mounted /proc.
func SealProc(proc string) error {
	for _, name := range procHidden {
		if err := Bind("/dev/null", proc+"/"+name, device); err != nil && !errors.Is(err, syscall.ENOENT) {
			return fmt.Errorf("hide /proc/%s: %w", name, err)
		}
	}
	for _, name := range procReadOnly {
		path := proc + "/" + name
		if err := Bind(path, path, Sealed|NoExec|ReadOnly); err != nil && !errors.Is(err, syscall.ENOENT) {
			return err
		}
	}
	return nil
}
