package imagejob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/drover-hpc/drover/internal/ims"
)

// unpack makes the image's root of its root file system.
func (w *work) unpack(ctx context.Context, out io.Writer) error {
	if err := os.MkdirAll(w.volume("image"), 0o755); err != nil {
		return err
	}
	if err := w.run(ctx, out, "unsquashfs", "-no-progress", "-d", "image/image-root", packedFile); err != nil {
		return err
	}
	return os.Remove(w.volume(packedFile))
}

// unwanted are not packed: what packages were fetched from and can be fetched
// again, and host keys, which would be the same on every node.
var unwanted = []string{"etc/ssh/ssh_host_*", "var/cache/apt/*", "var/lib/apt/lists/*", "var/cache/dnf/*", "var/cache/zypp/*"}

// level is that of zstd. The usual one takes twenty times as long and gains a
// tenth.
const level = "3"

// pack makes the files that are uploaded of the image's root.
func (w *work) pack(ctx context.Context, out io.Writer) error {
	if err := os.MkdirAll(w.volume("out"), 0o755); err != nil {
		return err
	}
	for _, p := range []struct{ name, file string }{{w.order.Kernel, "kernel"}, {w.order.Initrd, "initrd"}, {w.order.Parameters, "boot_parameters"}} {
		err := w.extract("boot/"+p.name, w.out(p.file))
		switch {
		case err == nil:
			fmt.Fprintf(out, "%s: /boot/%s of the image\n", p.file, p.name)
		case !errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("take /boot/%s out of the image: %w", p.name, err)
		case w.order.Type == ims.Create && p.file != "boot_parameters":
			return fmt.Errorf("the recipe made no /boot/%s (%s_file_name)", p.name, p.file)
		}
	}
	args := []string{"image/image-root", "out/rootfs", "-noappend", "-no-progress", "-comp", "zstd", "-Xcompression-level", level, "-wildcards", "-e"}
	return w.run(ctx, out, "mksquashfs", append(args, unwanted...)...)
}

// extract copies a file of the image's root, in which links lead where they do
// on a node.
func (w *work) extract(name, to string) error {
	from, err := inRoot(w.root(), name)
	if err != nil {
		return err
	}
	defer from.Close()
	if info, err := from.Stat(); err != nil || !info.Mode().IsRegular() {
		return errors.Join(err, fmt.Errorf("it is no file"))
	}
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(f, from); err != nil {
		return err
	}
	return f.Close()
}

// inRoot opens a file as a program would whose root that is.
func inRoot(root, name string) (*os.File, error) {
	dir, err := os.Open(root)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	fd, err := unix.Openat2(int(dir.Fd()), name, &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK, Resolve: unix.RESOLVE_IN_ROOT})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// run runs a program on the volume. Its output is the step's, and its end the
// error's.
func (w *work) run(ctx context.Context, out io.Writer, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	said := &tail{}
	both := io.MultiWriter(out, said)
	cmd.Dir, cmd.Stdout, cmd.Stderr = w.volume(), both, both
	fmt.Fprintf(out, "%s %s\n", name, strings.Join(args, " "))
	cmd.WaitDelay = 10 * time.Second // a daemon left behind may hold the pipe
	if err := cmd.Run(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return fmt.Errorf("%s: %w: %s", name, err, ending(said.String()))
	}
	return nil
}

// tail keeps the end of what is written to it.
type tail struct{ bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	const kept = 4 << 10
	n, err := t.Buffer.Write(p)
	if t.Len() > 2*kept {
		t.Next(t.Len() - kept)
	}
	return n, err
}
