package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
)

// terminal is one in which a command runs.
type terminal struct {
	c      *cluster
	keys   *os.File
	screen vt10x.Terminal
	over   <-chan int // the exit code
}

// at runs a command in a terminal of that size.
func (c *cluster) at(columns, rows int, args ...string) *terminal {
	c.t.Helper()
	cmd := exec.Command(client, args...)
	cmd.Env = append(c.clientEnv(), "TERM=xterm-256color")
	keys, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: uint16(columns), Rows: uint16(rows)})
	if err != nil {
		c.t.Fatal(err)
	}
	over := make(chan int, 1)
	t := &terminal{c: c, keys: keys, screen: vt10x.New(vt10x.WithSize(columns, rows)), over: over}
	c.t.Cleanup(func() {
		if c.t.Failed() {
			c.t.Logf("%s shows\n%s", strings.Join(args, " "), t.screen.String())
		}
		cmd.Process.Kill() //nolint:errcheck // it may have ended
		keys.Close()
	})
	go func() {
		io.Copy(t.screen, keys) //nolint:errcheck // it ends with the command
		cmd.Wait()              //nolint:errcheck // the exit code tells
		over <- cmd.ProcessState.ExitCode()
	}()
	return t
}

// shows waits until all the texts are on the screen.
func (t *terminal) shows(texts ...string) {
	t.c.t.Helper()
	t.c.eventuallyAlone("the terminal shows "+strings.Join(texts, ", "), func() bool {
		text := t.screen.String()
		for _, want := range texts {
			if !strings.Contains(text, want) {
				return false
			}
		}
		return true
	})
}

func (t *terminal) types(keys string) {
	t.c.t.Helper()
	if _, err := t.keys.WriteString(keys); err != nil {
		t.c.t.Fatal(err)
	}
}

// ends wants the command to end so, and to leave a cursor.
func (t *terminal) ends(code int) {
	t.c.t.Helper()
	got := -1
	t.c.eventuallyAlone("the command in the terminal ends", func() bool {
		select {
		case got = <-t.over:
			return true
		default:
			return false
		}
	})
	if got != code || !t.screen.CursorVisible() {
		t.c.t.Errorf("exit %d, cursor %v; expected exit %d", got, t.screen.CursorVisible(), code)
	}
}

const interrupt = "\x03"

func TestATerminalShowsTheFleetAsItChanges(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 4)
	c.configure("site", motd("hello"))
	c.template("compute", "site")
	all, narrow := c.at(120, 20, "status", "--watch"), c.at(50, 5, "status", "-w", "-o", "wide")
	all.shows("as of ", "NODES ", " off ", " 4")
	narrow.shows("and 4 more lines", "XNAME")
	if strings.Contains(narrow.screen.String(), c.nodes[0]) {
		t.Errorf("a table is not cut:\n%s", narrow.screen.String())
	}
	session := c.session("compute", "boot")
	boot := c.at(100, 20, "watch", session)
	boot.shows(session, "finished")
	boot.ends(0)
	boot.shows("all 4 nodes succeeded")
	all.shows(" on ", "Ready ", "stable ", "site ")
	c.terminate()
	all.shows("no newer answer: ", "stable ")
	c.start()
	c.eventually("the terminal has a newer answer", func() bool { return !strings.Contains(all.screen.String(), "no newer answer") })
	for _, one := range []*terminal{all, narrow} {
		one.types(interrupt)
		one.ends(130)
	}
	again := c.at(100, 20, "watch", c.session("compute", "reboot", "--stage", "true"))
	again.shows("staged for 4 nodes")
	again.ends(0)
}

// What is destructive is asked for at a terminal, and done only after a yes.
func TestATerminalIsAskedBeforeDeeds(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	c.configure("site", motd("hello"))
	c.template("compute", "site")
	asked := func(answer, question string, args ...string) *terminal {
		t.Helper()
		one := c.at(160, 20, args...)
		one.shows(question)
		one.types(answer + "\n")
		return one
	}
	for _, answer := range []string{"n", "", "Yess"} {
		asked(answer, "Boot 2 nodes (", "boot", "x1000").ends(1)
	}
	plan := c.at(160, 30, "boot", "x1000", "--dry-run") // which does nothing, and so does not ask
	plan.shows("2 nodes", "power on, configure", "Next: drover apply ")
	plan.ends(0)
	if sessions := c.drover("bos", "v2", "sessions", "list", "--format", "json"); strings.TrimSpace(sessions) != "[]" {
		t.Errorf("a session was started: %s", sessions)
	}
	var planned struct{ ID string }
	if err := json.Unmarshal([]byte(c.drover("boot", "x1000", "--dry-run", "--format", "json")), &planned); err != nil {
		t.Fatal(err)
	}
	asked("n", "Boot 2 nodes (", "apply", planned.ID).ends(1)
	asked("y", "Boot 2 nodes (", "boot", "x1000", "--name", "first", "--wait").ends(0)
	if _, err := c.try("apply", planned.ID); err == nil || !strings.Contains(err.Error(), "power was off, is on") {
		t.Errorf("a plan of nodes that were off was applied to nodes that are on: %v", err)
	}
	asked("n", "Power off 1 node (x1000c0s0b0n0)?", "power", "off", "x1000c0s0b0n0").ends(1)
	same := c.at(160, 20, "cfs", "v3", "configurations", "update", "site", "--update-branches") // after which nothing is to be done
	same.shows("CFS runs nothing on them because of this")
	same.ends(0)
	other := c.write("other.json", fmt.Sprintf(`{"layers":[{"clone_url":"file://%s/site.git","branch":"main","playbook":"other.yml"}]}`, c.dir))
	asked("n", "Go on?", "cfs", "v3", "configurations", "update", "site", "--file", other).ends(1)
	if is := c.drover("cfs", "v3", "configurations", "describe", "site", "--format", "json"); strings.Contains(is, "other.yml") {
		t.Errorf("the configuration was changed: %s", is)
	}
}
