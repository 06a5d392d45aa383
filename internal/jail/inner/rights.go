package inner

import (
	"fmt"
	"syscall"
	"unsafe"
)

// The kernel's numbers that package syscall has no names for.
const (
	limitProcesses     = 6  // RLIMIT_NPROC
	setNoNewPrivs      = 38 // PR_SET_NO_NEW_PRIVS
	capAmbient         = 47 // PR_CAP_AMBIENT
	capAmbientClearAll = 4
	capVersion         = 0x20080522 // with two words for each set
)

func prctl(option, value uintptr) error {
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, option, value, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// dropAll gives up the capabilities of this thread.
func dropAll() error {
	header := struct {
		version uint32
		pid     int32
	}{version: capVersion}
	var none [6]uint32 // effective, permitted and inheritable, twice
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none)), 0); errno != 0 {
		return fmt.Errorf("drop capabilities: %w", errno)
	}
	return nil
}
