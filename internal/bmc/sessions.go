package bmc

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"slices"
	"sync"
)

// maxSessions is how many sessions a BMC keeps; the oldest gives way.
const maxSessions = 16

// sessions are the logins of all BMCs.
type sessions struct {
	mu    sync.Mutex
	byBMC map[int][]login
}

type login struct{ id, token string }

func (s *sessions) open(bmc int) (id, token string) {
	var b [24]byte
	rand.Read(b[:]) //nolint:errcheck // never fails
	id, token = hex.EncodeToString(b[:4]), hex.EncodeToString(b[4:])
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byBMC == nil {
		s.byBMC = map[int][]login{}
	}
	list := append(s.byBMC[bmc], login{id, token})
	s.byBMC[bmc] = list[max(0, len(list)-maxSessions):]
	return id, token
}

func (s *sessions) valid(token string, bmc int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.byBMC[bmc], func(l login) bool {
		return subtle.ConstantTimeCompare([]byte(l.token), []byte(token)) == 1
	})
}

func (s *sessions) close(bmc int, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.byBMC[bmc])
	s.byBMC[bmc] = slices.DeleteFunc(s.byBMC[bmc], func(l login) bool { return l.id == id })
	if len(s.byBMC[bmc]) == 0 {
		delete(s.byBMC, bmc)
		return before > 0
	}
	return len(s.byBMC[bmc]) < before
}

func (s *sessions) ids(bmc int) (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.byBMC[bmc] {
		ids = append(ids, l.id)
	}
	return ids
}

func (s *sessions) paths(bmc int) (paths []string) {
	for _, id := range s.ids(bmc) {
		paths = append(paths, sessionsPath+"/"+id)
	}
	return paths
}
