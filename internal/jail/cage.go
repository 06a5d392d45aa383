package jail

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/drover-hpc/drover/internal/jail/inner"
)

// Cage is what a command sees of the machine, and how much it may use. It runs
// as a user without rights, in mount, process and IPC namespaces of its own and in
// a user namespace that has no further ones; the network is the host's.
type Cage inner.Cage

// View is a folder or file of the machine in a cage.
type View = inner.View

// cageProgram is the folder in the cage that has the command's program.
const cageProgram = "/run/drover"

// Confine has the command, which has not started, run in the cage. Whatever
// it leaves running is killed with it, and it is killed with the thread that
// starts it. over is for when it has ended: it is why the cage ended it, nil if
// the cage did not, and has to be called.
func (c Cage) Confine(cmd *exec.Cmd) (over func() error, err error) {
	program, err := filepath.Abs(cmd.Path)
	if err != nil {
		return nil, err
	}
	if !c.shows(program) {
		c.Views = append(c.Views[:len(c.Views):len(c.Views)], View{From: program, To: filepath.Join(cageProgram, filepath.Base(program))})
		program = filepath.Join(cageProgram, filepath.Base(program))
	}
	if os.Geteuid() != 0 {
		c.User = os.Geteuid()
	}
	spec := inner.Spec{Cage: inner.Cage(c), Program: program, Argv: cmd.Args, Dir: cmp.Or(cmd.Dir, "/"), Env: cmd.Environ()}
	var files [2]*os.File
	for i, content := range [][]byte{spec.Encode(), nil} {
		if files[i], err = memory(content); err != nil {
			return nil, fmt.Errorf("hand over a command: %w", err)
		}
	}
	// Its environment stays: by that its processes are found.
	cmd.Path, cmd.Args, cmd.Dir = "/proc/self/exe", []string{inner.Name}, "/"
	cmd.ExtraFiles = files[:]
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	if err := isolate(cmd.SysProcAttr); err != nil {
		return nil, err
	}
	return func() error {
		defer files[0].Close()
		defer files[1].Close()
		said, err := io.ReadAll(io.NewSectionReader(files[1], 0, 1<<10))
		if err == nil && len(said) > 0 {
			err = verdict(said)
		}
		return err
	}, nil
}

// verdict is why a cage ended its command, or did not begin it.
type verdict string

func (v verdict) Error() string { return string(v) }

// Limit is the limit that the command went beyond, as its option is called; empty: it
// went beyond none.
func (v verdict) Limit() string {
	for _, option := range inner.Limits {
		if strings.HasSuffix(string(v), "("+option+")") {
			return option
		}
	}
	return ""
}

// shows tells whether the path is that of a program that every cage has.
func (c Cage) shows(path string) bool {
	for _, dir := range inner.SystemDirs {
		if strings.HasPrefix(path, "/"+dir+"/") {
			return true
		}
	}
	return false
}

func memory(content []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("cage", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "cage")
	if _, err := file.WriteAt(content, 0); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// isolate adds the namespaces. Root's user namespace has the users that are
// there, so that root can see what it mounts; another's has this user alone.
func isolate(attr *syscall.SysProcAttr) error {
	attr.Cloneflags |= unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC
	attr.Pdeathsig = syscall.SIGKILL
	uid, gid := os.Geteuid(), os.Getegid()
	if uid != 0 {
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
		attr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP, unix.CAP_SYS_RESOURCE}
		return nil
	}
	var err error
	if attr.UidMappings, err = sameIDs("/proc/self/uid_map"); err != nil {
		return err
	}
	attr.GidMappings, err = sameIDs("/proc/self/gid_map")
	attr.GidMappingsEnableSetgroups = true
	return err
}

// sameIDs maps each id that there is here to itself.
func sameIDs(path string) (same []syscall.SysProcIDMap, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line) // here, outside, how many
		if len(fields) != 3 {
			continue
		}
		first, err1 := strconv.Atoi(fields[0])
		size, err2 := strconv.Atoi(fields[2])
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		same = append(same, syscall.SysProcIDMap{ContainerID: first, HostID: first, Size: size})
	}
	return same, nil
}

// ProbeCage tells, by running a command in a cage that uses the scratch folder,
// whether the kernel grants what cages need. The error says what it refused.
func ProbeCage(scratch string, user int) error {
	defer os.RemoveAll(scratch)
	root, home := filepath.Join(scratch, "root"), filepath.Join(scratch, "home")
	for _, dir := range []string{root, home} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(home, user, user); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", `test -r /proc/self/stat && : > "$HOME/probe" && ! test -e "$1"`, "sh", scratch)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Env = &said, &said, []string{"HOME=/home/drover", "PATH=/usr/bin:/bin"}
	over, err := Cage{Root: root, Home: "/home/drover", User: user, Views: []View{{From: home, To: "/home/drover", Writable: true}}}.Confine(cmd)
	if err != nil {
		return err
	}
	err = cmd.Run()
	if why := over(); why != nil {
		return why
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &exit):
		return fmt.Errorf("the kernel refuses namespaces: %w", err)
	}
	return fmt.Errorf("a command in a cage sees too much or too little: %w: %s", err, bytes.TrimSpace(said.Bytes()))
}
