package bos

import "time"

// Source names who found what is wrong with a node. Only that source takes its
// trouble back; a new session and the goal take back all.
type Source int

// The sources. FromClient is what a caller wrote into the error field.
const (
	FromSession Source = iota
	FromPCS            // whether the node is on cannot be told
	FromPower          // what became of a power call
	FromReport         // what the node told of its boot, or did not
	FromBSS
	FromIMS
	FromCFS
	FromClient
	FromAgent // a session of BOS v1 that moves the node
	sources
)

// Trouble is what a source said last, and when.
type Trouble struct {
	Words string    `json:"words,omitempty"`
	At    time.Time `json:"at,omitzero"`
}

// Troubles holds one Trouble a source; the zero value is none. It is
// comparable, so that a change of a component can be told by ==.
type Troubles [sources]Trouble

// Set records the words of the source; the same words stay as old as they are.
// No words take the trouble back.
func (t *Troubles) Set(s Source, words string, now time.Time) {
	switch {
	case words == "":
		t[s] = Trouble{}
	case t[s].Words != words:
		t[s] = Trouble{Words: words, At: now}
	}
}

// Clear takes back what the sources said.
func (t *Troubles) Clear(list ...Source) {
	for _, s := range list {
		t[s] = Trouble{}
	}
}

// Newest is what was said last, empty if nothing is wrong.
func (t Troubles) Newest() string {
	var newest Trouble
	for _, one := range t {
		if one.Words != "" && (newest.Words == "" || one.At.After(newest.At)) {
			newest = one
		}
	}
	return newest.Words
}
