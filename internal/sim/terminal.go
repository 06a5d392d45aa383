package sim

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/gliderlabs/ssh"
	"golang.org/x/sys/unix"

	"github.com/drover-hpc/drover/internal/jail"
)

// runOnTerminal gives the command a terminal of its own, whose other end is
// the session.
func runOnTerminal(ctx context.Context, spec jail.Spec, sess ssh.Session, size ssh.Window, sizes <-chan ssh.Window) (int, error) {
	near, far, err := openTerminal()
	if err != nil {
		return 0, err
	}
	defer near.Close()
	defer far.Close()
	resize(near, size)
	go func() {
		for w := range sizes {
			resize(near, w)
		}
	}()
	go func() {
		io.Copy(near, sess)           //nolint:errcheck // ends with the session
		near.Write([]byte{endOfFile}) //nolint:errcheck // the command may be gone
	}()
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		io.Copy(sess, near) //nolint:errcheck // ends with EIO when the command has closed its end
	}()
	exit, err := jail.Run(ctx, spec, jail.Streams{Terminal: far})
	far.Close()
	<-copied
	return exit, err
}

// endOfFile is what a terminal in its usual mode takes for the end of input.
const endOfFile = 4

func openTerminal() (near, far *os.File, err error) {
	near, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("open a terminal: %w", err)
	}
	number, err := unix.IoctlGetInt(int(near.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(near.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		far, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		near.Close()
		return nil, nil, fmt.Errorf("open a terminal: %w", err)
	}
	return near, far, nil
}

// resize may come when the terminal was closed already: then it does nothing.
func resize(terminal *os.File, w ssh.Window) {
	conn, err := terminal.SyscallConn()
	if err != nil {
		return
	}
	conn.Control(func(fd uintptr) { //nolint:errcheck // cosmetic
		unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(w.Height), Col: uint16(w.Width)}) //nolint:errcheck // cosmetic
	})
}
