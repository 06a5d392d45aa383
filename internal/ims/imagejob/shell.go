package imagejob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/crypto/ssh"

	"github.com/drover-hpc/drover/internal/ims"
	"github.com/drover-hpc/drover/internal/jail"
	"github.com/drover-hpc/drover/internal/job"
)

// The marks that the user of a shell leaves when the work is over.
const (
	markComplete = "complete"
	markFailed   = "failed"
)

// shell lets the user of the job's key into the image, until one of the marks
// is there. It fails unless that is the one of success.
func (w *work) shell(ctx context.Context, out io.Writer, jailed bool) error {
	if err := w.prepareShell(); err != nil {
		return err
	}
	marks, shown := w.volume("image"), "/mnt/image"
	if jailed {
		marks, shown = w.volume("tmp"), "/tmp"
	}
	mark, err := watchMarks(ctx, marks)
	if err != nil {
		return err
	}
	d, err := w.serve(ctx, out, jailed)
	if err != nil {
		return err
	}
	defer d.end()
	if err := w.tellShell(d, jailed, shown); err != nil {
		return err
	}
	fmt.Fprintf(out, "shell at %s port %d; waiting for %s/%s or %s/%s\n", d.address.Host, d.address.Port, shown, markComplete, shown, markFailed)
	var said string
	select {
	case said = <-mark:
	case err := <-d.ended:
		return fmt.Errorf("the shell ended before %s/%s was made: %w", shown, markComplete, err)
	case <-ctx.Done():
		return ctx.Err()
	}
	d.drain(ctx)
	if err := errors.Join(os.Remove(w.Path(shellFile)), w.waits.Over(waitsForUser)); err != nil {
		return err
	}
	if said == markFailed {
		return fmt.Errorf("the image was given up: %s/%s was made", shown, markFailed)
	}
	return errors.Join(os.RemoveAll(filepath.Join(marks, markComplete)), ctx.Err())
}

const waitsForUser = "user"

// tellShell tells where the shell is. Who waits for a user waits for ever, and
// takes no room of those that work.
func (w *work) tellShell(d *daemon, jailed bool, shown string) error {
	if err := w.Write(shellFile, d.address); err != nil {
		return err
	}
	why := fmt.Sprintf("the shell is over when %s/%s is made", shown, markComplete)
	return w.waits.Set(job.Wait{What: waitsForUser, Why: why, Tries: 1, Of: 1, Since: time.Now().UTC()})
}

// prepareShell makes the folders that the jail needs.
func (w *work) prepareShell() error {
	tmp := w.volume("tmp")
	if err := errors.Join(os.MkdirAll(w.volume("image"), 0o755), os.MkdirAll(tmp, 0o777), os.Chmod(tmp, 0o777|os.ModeSticky)); err != nil {
		return err
	}
	if err := os.MkdirAll(w.root(), 0o755); err != nil {
		return err
	}
	return jail.Seed(w.volume("tools"), w.hostname())
}

// hostname is that of the shell.
func (w *work) hostname() string { return "ims-" + w.order.ID[:min(8, len(w.order.ID))] }

// watchMarks delivers the mark that is made in the folder, that of failure
// first.
func watchMarks(ctx context.Context, folder string) (<-chan string, error) {
	watch, err := fsnotify.NewWatcher()
	if err == nil {
		err = watch.Add(folder)
	}
	if err != nil {
		return nil, fmt.Errorf("watch for the end of the shell: %w", err)
	}
	found := make(chan string, 1)
	go func() {
		defer watch.Close()
		for {
			for _, mark := range []string{markFailed, markComplete} {
				if _, err := os.Lstat(filepath.Join(folder, mark)); err == nil {
					found <- mark
					return
				}
			}
			select {
			case <-watch.Events:
			case <-watch.Errors:
			case <-ctx.Done():
				return
			}
		}
	}()
	return found, nil
}

// daemon is an SSH server in a jail.
type daemon struct {
	address ims.SSHAddress
	ended   chan error // delivers why it ended
	cancel  context.CancelFunc
	gone    chan struct{}
}

// maxPorts is how many ports are tried: between finding a free one and
// listening at it another process may take it.
const maxPorts = 5

// serve starts the SSH server and returns when it answers.
func (w *work) serve(ctx context.Context, out io.Writer, jailed bool) (*daemon, error) {
	key, err := newHostKey()
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		d, err := w.startDaemon(ctx, out, key, jailed)
		if err == nil {
			err = d.answers(ctx, key.public)
		}
		if err == nil {
			return d, nil
		}
		if d != nil {
			d.end()
		}
		if try == maxPorts || !errors.Is(err, errTaken) {
			return nil, fmt.Errorf("the SSH server did not start: %w", err)
		}
	}
}

func (w *work) startDaemon(ctx context.Context, out io.Writer, key *hostKey, jailed bool) (*daemon, error) {
	port, err := freePort(w.settings.Host)
	if err != nil {
		return nil, err
	}
	spec, err := w.jail(key, port, jailed)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	d := &daemon{address: ims.SSHAddress{Host: w.settings.Host, Port: port}, ended: make(chan error, 1), cancel: cancel, gone: make(chan struct{})}
	go func() {
		defer close(d.gone)
		exit, err := jail.Run(ctx, spec, jail.Streams{In: eof{}, Out: out, Err: out})
		if err == nil {
			err = fmt.Errorf("the SSH server exited with %d", exit)
		}
		d.ended <- err
	}()
	return d, nil
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// jail is the SSH server's. It is the image's own if the user is to see the
// image alone and it has one, else the host's.
func (w *work) jail(key *hostKey, port int, jailed bool) (jail.Spec, error) {
	image := &jail.Image{Dir: w.volume("image"), Tmp: w.volume("tmp"), Files: map[string]string{
		"authorized_keys": w.order.PublicKey + "\n", "host_key": key.private}}
	var err error
	if image.Emulator, err = emulator(w.order.Arch); err != nil {
		return jail.Spec{}, err
	}
	settings := []string{
		fmt.Sprintf("Port %d", port), "ListenAddress " + w.settings.Host,
		"HostKey " + jail.RunDir + "/host_key", "AuthorizedKeysFile " + jail.RunDir + "/authorized_keys",
		"PermitRootLogin prohibit-password", "PasswordAuthentication no", "KbdInteractiveAuthentication no",
		"StrictModes no", "PidFile none", "UseDNS no", "MaxStartups 100", "MaxSessions 100",
		"AllowTcpForwarding no", "X11Forwarding no", "AcceptEnv LANG LC_*", "Subsystem sftp internal-sftp",
	}
	locked, own := false, jailed && has(w.root(), sshd)
	switch {
	case own:
		image.Chroot, locked = true, rootLocked(w.root())
	case !has("/", sshd):
		return jail.Spec{}, errNoSSHD(jailed)
	default:
		if jailed {
			settings = append(settings, "ChrootDirectory "+jail.ImageRoot)
		}
		if err := addUser(w.volume("tools"), "sshd:x:101:65534::/run/sshd:/usr/sbin/nologin"); err != nil {
			return jail.Spec{}, err
		}
	}
	// An account without a password is let in by its key unless it is locked;
	// then only by PAM.
	settings = append(settings, "UsePAM "+map[bool]string{true: "yes", false: "no"}[locked])
	image.Files["sshd_config"] = lines(settings)
	return jail.Spec{Root: w.volume("tools"), Hostname: w.hostname(), Image: image,
		Argv: []string{"/" + sshd, "-D", "-e", "-f", jail.RunDir + "/sshd_config"},
		Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			job.Variable + "=" + os.Getenv(job.Variable)}}, nil
}

// end kills the server with all that runs in the jail.
func (d *daemon) end() {
	d.cancel()
	<-d.gone
}

// drainFor is how long connections may go on after the mark was made: who made
// it by SSH is to see that this worked.
const drainFor = 10 * time.Second

func (d *daemon) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, drainFor)
	defer cancel()
	poll(ctx, func() bool { return !slices.Contains(connectedPorts(), d.address.Port) })
}

// answers waits until the server does, with the key.
func (d *daemon) answers(ctx context.Context, key ssh.PublicKey) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var last error
	ok := poll(ctx, func() bool {
		if last = probe(d.address, key); last == nil || errors.Is(last, errTaken) {
			return true
		}
		select {
		case <-d.gone:
			return true
		default:
			return false
		}
	})
	select {
	case err := <-d.ended:
		d.ended <- err
		if last != nil && !errors.Is(last, errTaken) {
			last = err
		}
	default:
	}
	if !ok && last == nil {
		last = ctx.Err()
	}
	return last
}
