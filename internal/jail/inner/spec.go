package inner

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Cage is what a command sees of the machine, and how much it may use. It runs
// as a user without rights, in mount, process and IPC namespaces of its own and in
// a user namespace that has no further ones; the network is the host's.
type Cage struct {
	// Root is an empty folder, on which the cage's root is mounted. Only the
	// command sees that.
	Root string `json:"root"`
	// Home is where the user's home is in the cage, which a view has to bring.
	Home string `json:"home"`
	// User is whom the command runs as, if the caller is root; others run it as
	// themselves.
	User int `json:"user"`
	// Views are the folders and files of the machine that are there, besides
	// what every program needs.
	Views []View `json:"views"`
	// Memory and Processes are at most used, in bytes and in threads of all
	// processes together; 0: any number.
	Memory    int64 `json:"memory,omitempty"`
	Processes int   `json:"processes,omitempty"`
}

// View is a folder or file of the machine in a cage.
type View struct {
	From     string `json:"from"`
	To       string `json:"to,omitempty"` // empty: where it is
	Writable bool   `json:"writable,omitempty"`
}

// Spec is what process 1 is told.
type Spec struct {
	Cage
	Program string
	Argv    []string
	Dir     string
	Env     []string
}

// Encode is the Spec as text without zero bytes in its parts, which are none of
// paths, arguments and variables. JSON would have to be initialised first.
func (s *Spec) Encode() []byte {
	parts := []string{s.Root, s.Home, strconv.Itoa(s.User), strconv.FormatInt(s.Memory, 10), strconv.Itoa(s.Processes), s.Program, s.Dir,
		strconv.Itoa(len(s.Views)), strconv.Itoa(len(s.Argv))}
	for _, v := range s.Views {
		parts = append(parts, v.From, v.To, strconv.FormatBool(v.Writable))
	}
	return []byte(strings.Join(slices.Concat(parts, s.Argv, s.Env), "\x00"))
}

// decode reads what Encode wrote.
func decode(text []byte) (s Spec, err error) {
	parts := strings.Split(string(text), "\x00")
	const fixed = 9
	if len(parts) < fixed {
		return s, fmt.Errorf("expected at least %d parts, got %d", fixed, len(parts))
	}
	var numbers [5]int64
	for i, at := range [5]int{2, 3, 4, 7, 8} {
		if numbers[i], err = strconv.ParseInt(parts[at], 10, 64); err != nil {
			return s, err
		}
	}
	s.Root, s.Home, s.Program, s.Dir = parts[0], parts[1], parts[5], parts[6]
	s.User, s.Memory, s.Processes = int(numbers[0]), numbers[1], int(numbers[2])
	views, argv := int(numbers[3]), int(numbers[4])
	parts = parts[fixed:]
	if views < 0 || argv < 0 || len(parts) < 3*views+argv {
		return s, fmt.Errorf("%d views and %d arguments do not fit", views, argv)
	}
	for range views {
		s.Views, parts = append(s.Views, View{parts[0], parts[1], parts[2] == "true"}), parts[3:]
	}
	s.Argv, s.Env = parts[:argv], parts[argv:]
	return s, nil
}

// SystemDirs are the host's folders of programs, which are shown read-only.
var SystemDirs = []string{"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"}

const (
	// Name is what process 1 is started as: this program.
	Name = "drover-cage"
	// SpecFile is the descriptor on which it finds its Spec, VerdictFile the one on
	// which it says why it ended the command.
	SpecFile    = 3
	VerdictFile = SpecFile + 1
	// BrokenExit is its status if it could not build the cage, or ended the command.
	BrokenExit = 125
)
