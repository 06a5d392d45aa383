package sim

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/bmc"
)

// ledger is the file that keeps the nodes' states and resets: a line for each
// change, written before the change is answered, so that a killed process
// loses nothing. It is rewritten without history when it is opened and when it
// has grown long.
type ledger struct {
	path string

	mu    sync.Mutex
	file  *os.File
	lines int
}

// entry is a line: a node's new state, or a reset that it was asked for.
type entry struct {
	Node  int          `json:"node"`
	State *state       `json:"state,omitempty"`
	Reset *ResetRecord `json:"reset,omitempty"`
}

// openLedger gives the nodes what the file says of them.
func openLedger(dir string, nodes []Node) (*ledger, error) {
	l := &ledger{path: filepath.Join(dir, "fleet.jsonl")}
	if err := l.read(nodes); err != nil {
		return nil, fmt.Errorf("simulated fleet: read %s: %w", l.path, err)
	}
	if err := l.rewrite(nodes); err != nil {
		return nil, fmt.Errorf("simulated fleet: write %s: %w", l.path, err)
	}
	return l, nil
}

func (l *ledger) read(nodes []Node) error {
	file, err := os.Open(l.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	trusted := map[string]string{} // the same text once, however many nodes have it
	in := json.NewDecoder(bufio.NewReaderSize(file, 1<<20))
	for {
		var e entry
		err := in.Decode(&e)
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil // the last line was being written when the process died
		}
		if err != nil {
			return err
		}
		if e.Node < 0 || e.Node >= len(nodes) {
			continue // the fleet was larger once
		}
		n := &nodes[e.Node]
		if e.State != nil {
			n.state = *e.State
			if sys := n.state.System; sys != nil {
				if _, ok := trusted[sys.Trusted]; !ok {
					trusted[sys.Trusted] = sys.Trusted
				}
				sys.Trusted = trusted[sys.Trusted]
			}
		}
		if e.Reset != nil {
			n.resets = keepLast(n.resets, *e.Reset, keptResets)
		}
	}
}

// rewrite replaces the file by one that says the same shortly. No node may
// change meanwhile.
func (l *ledger) rewrite(nodes []Node) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	file, err := os.OpenFile(l.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	buffer := bufio.NewWriterSize(file, 1<<20)
	out := json.NewEncoder(buffer)
	l.lines = 0
	for i := range nodes {
		n := &nodes[i]
		for _, r := range n.resets {
			out.Encode(entry{Node: i, Reset: &r}) //nolint:errcheck // Flush reports it
		}
		if n.state != (state{Power: bmc.Off}) {
			out.Encode(entry{Node: i, State: &n.state}) //nolint:errcheck // Flush reports it
		}
	}
	err = buffer.Flush()
	if err == nil {
		err = os.Rename(l.path+".new", l.path)
	}
	if err != nil {
		file.Close()
		return err
	}
	if l.file != nil {
		l.file.Close()
	}
	l.file = file
	return nil
}

func (l *ledger) state(node int, s state) { l.append(entry{Node: node, State: &s}) }

func (l *ledger) reset(node int, r ResetRecord) { l.append(entry{Node: node, Reset: &r}) }

func (l *ledger) long(nodes int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines > 10_000+30*nodes
}

func (l *ledger) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.file.Close()
}

func (l *ledger) append(e entry) {
	line, err := json.Marshal(e)
	if err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.lines++
		_, err = l.file.Write(append(line, '\n'))
	}
	if err != nil && !errors.Is(err, os.ErrClosed) {
		slog.Error("the state of a simulated node is not recorded", "error", err)
	}
}

// shorten rewrites the ledger if it has grown long, while all nodes stand still.
func (f *Fleet) shorten() {
	if !f.ledger.long(len(f.nodes)) {
		return
	}
	for i := range f.nodes {
		f.nodes[i].mu.Lock()
		defer f.nodes[i].mu.Unlock() //nolint:gocritic // all of them until the end, on purpose
	}
	if err := f.ledger.rewrite(f.nodes); err != nil {
		f.opts.Log.Error("cannot shorten the record of the simulated fleet", "error", err)
	}
}

// shortenEvery is how often the ledger's length is looked at.
const shortenEvery = time.Minute

func (f *Fleet) keepShort() {
	f.shorten()
	f.clock.after(shortenEvery, f.keepShort)
}
