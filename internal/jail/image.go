package jail

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/drover-hpc/drover/internal/jail/mount"
)

// Image is the root file system of an image in a jail.
type Image struct {
	// Dir is shown as /mnt/image. The root file system is image-root in it.
	Dir string `json:"dir"`
	// Tmp is what the image has as /tmp. What its own holds stays as it is.
	Tmp string `json:"tmp"`
	// Chroot has the command see the image alone, as its root.
	Chroot bool `json:"chroot,omitempty"`
	// Files are put into RunDir of the command's root, for root alone.
	Files map[string]string `json:"files,omitempty"`
	// Emulator is the interpreter of the image's programs as binfmt_misc takes
	// it, ":NAME:M:..."; it is that of the jail alone. Empty: the host runs them.
	Emulator string `json:"emulator,omitempty"`
}

// Where a command finds the image and the files.
const (
	ImageRoot = "/mnt/image/image-root"
	RunDir    = "/run/drover"
)

// mount shows the image below the jail's root, with what programs in it need.
func (i *Image) mount(root string) error {
	if i == nil {
		return nil
	}
	at := filepath.Join(root, "mnt/image")
	if err := makeDir(at, 0o755); err != nil {
		return err
	}
	if err := mount.Bind(i.Dir, at, mount.NoDevice); err != nil {
		return err
	}
	image := filepath.Join(root, ImageRoot)
	for _, dir := range []struct {
		name string
		mode fs.FileMode
	}{{"dev", 0o755}, {"proc", 0o555}, {"run", 0o755}, {"tmp", 0o777 | fs.ModeSticky}} {
		if err := makeDir(filepath.Join(image, dir.name), dir.mode); err != nil {
			return err
		}
	}
	if err := unix.Mount("run", filepath.Join(image, "run"), "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755,size=64m"); err != nil {
		return fmt.Errorf("mount /run of the image: %w", err)
	}
	if err := mount.Bind(i.Tmp, filepath.Join(image, "tmp"), mount.NoDevice); err != nil {
		return err
	}
	for _, dir := range []string{root, image} {
		if err := mountTerminals(filepath.Join(dir, "dev"), dir == image); err != nil {
			return err
		}
	}
	if err := mount.Proc(filepath.Join(image, "proc")); err != nil {
		return err
	}
	return errors.Join(i.resolver(image), i.emulate(image))
}

// makeDir makes a folder unless it is there; a link in its place is refused.
func makeDir(path string, mode fs.FileMode) error {
	err := os.Mkdir(path, mode.Perm())
	if errors.Is(err, fs.ErrExist) {
		return mount.MustBeDir(path)
	}
	if err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

// mountTerminals adds terminals to /dev, which is mounted if that is still to
// be done.
func mountTerminals(dev string, fresh bool) error {
	if fresh {
		if err := mount.Dev(dev); err != nil {
			return err
		}
	}
	pts := filepath.Join(dev, "pts")
	if err := os.Mkdir(pts, 0o755); err != nil {
		return err
	}
	const flags = unix.MS_NOSUID | unix.MS_NOEXEC
	if err := unix.Mount("devpts", pts, "devpts", flags, "newinstance,ptmxmode=0666,mode=0620,gid=5"); err != nil {
		return fmt.Errorf("mount /dev/pts: %w", err)
	}
	return os.Symlink("pts/ptmx", filepath.Join(dev, "ptmx"))
}

// resolver has the image use the host's name servers while it is entered. One
// that is a link is dealt with from inside.
func (i *Image) resolver(image string) error {
	etc := filepath.Join(image, "etc")
	if mount.MustBeDir(etc) != nil {
		return nil
	}
	info, err := os.Lstat(filepath.Join(etc, "resolv.conf"))
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	if _, err := os.Stat("/etc/resolv.conf"); err != nil {
		return nil // the host has none
	}
	return mount.Bind("/etc/resolv.conf", filepath.Join(etc, "resolv.conf"), mount.Sealed|mount.ReadOnly)
}

// emulate registers the interpreter of the image's programs in this user
// namespace. The kernel opens it now and keeps it open, so that the image needs
// no copy; the entry is gone when the jail is.
func (i *Image) emulate(image string) error {
	if i.Emulator == "" {
		return nil
	}
	at := filepath.Join(image, "proc/sys/fs/binfmt_misc")
	if err := unix.Mount("binfmt_misc", at, "binfmt_misc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount binfmt_misc in a user namespace (needs Linux 6.7): %w", err)
	}
	if err := os.WriteFile(filepath.Join(at, "register"), []byte(strings.TrimSpace(i.Emulator)), 0); err != nil {
		return fmt.Errorf("register the emulator of the image's programs: %w", err)
	}
	return nil
}

// enter makes the image's root the command's, if it is to be, and puts the
// files there.
func (i *Image) enter() error {
	if i == nil {
		return nil
	}
	if i.Chroot {
		if err := chroot(); err != nil {
			return fmt.Errorf("enter the image: %w", err)
		}
	}
	if err := os.MkdirAll(RunDir, 0o700); err != nil {
		return err
	}
	for name, text := range i.Files {
		if err := os.WriteFile(filepath.Join(RunDir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return os.MkdirAll("/run/sshd", 0o755) // Debian's sshd wants it
}

// chroot makes the image's root the command's.
func chroot() error {
	servers, _ := os.ReadFile("/etc/resolv.conf") // the host's, if it has any
	if err := errors.Join(unix.Chroot(ImageRoot), os.Chdir("/")); err != nil {
		return err
	}
	// A link there leads into /run, in which a running node has the file.
	if to, err := os.Readlink("/etc/resolv.conf"); err == nil && servers != nil {
		if !filepath.IsAbs(to) {
			to = filepath.Join("/etc", to)
		}
		if strings.HasPrefix(to, "/run/") {
			if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, servers, 0o644)); err != nil {
				return err
			}
		}
	}
	return makeDir("/root", 0o700)
}
