package jail

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Spec is a command and the node that it runs on.
type Spec struct {
	Root     string   `json:"root"` // the node's layer, made by Seed
	Hostname string   `json:"hostname"`
	Argv     []string `json:"argv,omitempty"` // empty: the SFTP server
	Env      []string `json:"env,omitempty"`
	// Image, if set, is the root file system of an image that the jail shows
	// beside the host's programs.
	Image *Image `json:"image,omitempty"`
}

// Streams are a command's standard streams. Terminal, if not nil, is the
// terminal's end that the command gets instead of them, as its controlling one.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	Terminal *os.File
}

// SFTPName is the name under which the SFTP server of a jail is started: this
// program, whose main calls sftpd.Main.
const SFTPName = "drover-simulated-node-sftp"

const (
	// jailName is the name of the inner program.
	jailName = "drover-jail"
	// specFile is the descriptor on which the inner program finds its Spec.
	specFile = 3
	// brokenExit is the status of an inner program that could not build the jail.
	brokenExit = 125
	// allIDs is how many users and groups there are.
	allIDs = 1<<32 - 1
)

// Run runs the command until it ends or ctx is done, which kills it with all
// that it started, and returns its exit status: 128 + the signal if one ended
// it. An error means that there is no status.
func Run(ctx context.Context, spec Spec, streams Streams) (int, error) {
	cmd, err := command(ctx, spec)
	if err != nil {
		return 0, err
	}
	defer cmd.ExtraFiles[0].Close()
	var feed io.WriteCloser
	if tty := streams.Terminal; tty != nil {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
		cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	} else {
		cmd.Stdout, cmd.Stderr = streams.Out, streams.Err
		if feed, err = cmd.StdinPipe(); err != nil {
			return 0, err
		}
	}
	// The kernel kills the child when the thread that started it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start a command on a simulated node: %w", err)
	}
	if feed != nil {
		go func() {
			defer feed.Close()
			io.Copy(feed, streams.In) //nolint:errcheck // the command may end without reading all
		}()
	}
	return status(cmd.Wait())
}

func status(err error) (int, error) {
	var exit *exec.ExitError
	if err == nil {
		return 0, nil
	}
	if !errors.As(err, &exit) {
		return 0, err
	}
	if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal()), nil
	}
	return exit.ExitCode(), nil
}

func command(ctx context.Context, spec Spec) (*exec.Cmd, error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	fd, err := unix.MemfdCreate("spec", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("hand over a command: %w", err)
	}
	file := os.NewFile(uintptr(fd), "spec")
	if _, err := file.WriteAt(text, 0); err != nil {
		file.Close()
		return nil, fmt.Errorf("hand over a command: %w", err)
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = []string{jailName}
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.Dir = "/"
	cmd.ExtraFiles = []*os.File{file}
	cmd.WaitDelay = 5 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
		Pdeathsig:  syscall.SIGKILL,
	}
	uid, gid := os.Geteuid(), os.Getegid()
	switch {
	case uid != 0:
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: gid, Size: 1}}
	case spec.Image != nil && spec.Image.Emulator != "":
		// Only a user namespace has interpreters of its own.
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		all := []syscall.SysProcIDMap{{Size: allIDs}}
		cmd.SysProcAttr.UidMappings, cmd.SysProcAttr.GidMappings = all, all
		cmd.SysProcAttr.GidMappingsEnableSetgroups = true
	}
	return cmd, nil
}

// Probe tells, by running a command over the scratch folder, whether the kernel
// grants what jails need. The error says what it refused.
func Probe(scratch string) error {
	root := filepath.Join(scratch, "root")
	defer os.RemoveAll(scratch)
	if err := Seed(root, "probe"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var said bytes.Buffer
	exit, err := Run(ctx, Spec{Root: root, Hostname: "probe", Argv: []string{"/bin/sh", "-c", ": > /etc/probe && ! touch /usr/probe"}},
		Streams{In: strings.NewReader(""), Out: io.Discard, Err: &said})
	switch {
	case err != nil:
		return fmt.Errorf("the kernel refuses namespaces: %w", err)
	case exit == brokenExit:
		return errors.New(strings.TrimSpace(said.String()))
	case exit != 0:
		return fmt.Errorf("a jailed command cannot write its layer, or can write the host's /usr: %s", strings.TrimSpace(said.String()))
	}
	if _, err := os.Stat(filepath.Join(root, "etc/probe")); err != nil {
		return fmt.Errorf("a jailed command's file is not in its layer: %w", err)
	}
	return nil
}
