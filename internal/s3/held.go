package s3

import (
	"os"
	"sync"
	"syscall"
	"time"
)

// identity tells one state of a file from all others: whoever replaces or
// changes a file, its content or its attributes, changes it.
type identity struct {
	device, inode    uint64
	size             int64
	modified, status time.Duration // since 1970
}

// settleTime is how long a file has to be unchanged for its identity to be
// trusted. Clocks of file systems stand still for some milliseconds; within
// them two states can have one identity.
const settleTime = 100 * time.Millisecond

// settled tells whether no state that comes after now can have the identity.
func (i identity) settled(now time.Time) bool {
	return now.UnixNano()-int64(max(i.status, i.modified)) > int64(settleTime)
}

// identify returns the identity of the file at the path; ok is false for what
// is no file.
func identify(path string) (id identity, ok bool) {
	var s syscall.Stat_t
	for {
		err := syscall.Stat(path, &s)
		if err == nil {
			return identityOf(&s)
		}
		if err != syscall.EINTR {
			return id, false
		}
	}
}

// identifyFile is identify of an open file.
func identifyFile(f *os.File) (id identity, ok bool) {
	info, err := f.Stat()
	if err != nil {
		return id, false
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return id, false
	}
	return identityOf(s)
}

func identityOf(s *syscall.Stat_t) (identity, bool) {
	return identity{device: s.Dev, inode: s.Ino, size: s.Size, modified: time.Duration(s.Mtim.Nano()), status: time.Duration(s.Ctim.Nano())},
		s.Mode&syscall.S_IFMT == syscall.S_IFREG
}

// heldObject is what is known of an object as long as its file has the
// identity.
type heldObject struct {
	path string // without escapes
	file string
	is   identity
	// header is what an answer says of the object, but for its length.
	header []headerField
	// body is the object, nil if it is too large to be held. It never changes.
	body []byte
}

type headerField struct{ name, value []byte }

// held keeps what is known of objects, by their paths in URLs. It has two
// generations, each of at most half of what may be held: when the young one
// is full it becomes the old one, of which what is still asked for moves back.
type held struct {
	mu         sync.RWMutex
	young, old map[string]*heldObject
	size       int // of the young
}

const (
	// heldBody is the size of the largest object that is held in memory.
	heldBody = 256 << 10
	// heldMost bounds the memory of all that is held, about.
	heldMost = 32 << 20
	// heldOverhead is about what an object takes besides body and path.
	heldOverhead = 1 << 10
)

func (h *held) get(path []byte) *heldObject {
	h.mu.RLock()
	o := h.young[string(path)]
	aged := false
	if o == nil {
		o = h.old[string(path)]
		aged = o != nil
	}
	h.mu.RUnlock()
	if aged {
		h.put(string(path), o)
	}
	return o
}

func (h *held) put(path string, o *heldObject) {
	size := o.cost(len(path))
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.young == nil || h.size+size > heldMost/2 {
		h.young, h.old, h.size = map[string]*heldObject{}, h.young, 0
	}
	if before := h.young[path]; before != nil {
		h.size -= before.cost(len(path))
	}
	h.young[path] = o
	h.size += size
}

// forget drops an object that is not what is there any more.
func (h *held) forget(path []byte, o *heldObject) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.young[string(path)] == o {
		delete(h.young, string(path))
		h.size -= o.cost(len(path))
	}
	if h.old[string(path)] == o {
		delete(h.old, string(path))
	}
}

// cost is about what the object takes in memory.
func (o *heldObject) cost(path int) int { return heldOverhead + 2*path + len(o.body) }
