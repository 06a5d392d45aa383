package s3

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"sync"
)

// keyring keeps the keys by which version 4 signs, one of each day and region,
// ready to sign with.
type keyring struct {
	secret string

	mu   sync.RWMutex
	keys map[scope]*signingDesk
}

type scope struct{ day, region string }

// maxKeys bounds the keys that are kept; when there are more all are forgotten.
const maxKeys = 64

// signatureLength is that of a signature of version 4 in hexadecimal digits.
const signatureLength = 2 * sha256.Size

// of returns the key of the day in the region.
func (k *keyring) of(day, region []byte) *signingDesk {
	k.mu.RLock()
	desk := k.keys[scope{string(day), string(region)}]
	k.mu.RUnlock()
	if desk != nil {
		return desk
	}
	made := &signingDesk{key: signingKey(k.secret, string(day), string(region), service)}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys == nil || len(k.keys) >= maxKeys {
		k.keys = map[scope]*signingDesk{}
	}
	k.keys[scope{string(day), string(region)}] = made
	return made
}

// signingDesk signs with one key, for any number of callers at once.
type signingDesk struct {
	key  []byte
	free sync.Pool // of *signing
}

// signing is what one signature is made with.
type signing struct {
	mac       hash.Hash
	text      []byte
	sum       []byte
	signature [signatureLength]byte
}

// take hands out what a signature is made with; give takes it back.
func (d *signingDesk) take() *signing {
	if s, ok := d.free.Get().(*signing); ok {
		return s
	}
	return &signing{mac: hmac.New(sha256.New, d.key), text: make([]byte, 0, 1024), sum: make([]byte, 0, sha256.Size)}
}

func (d *signingDesk) give(s *signing) { d.free.Put(s) }

// sign signs the canonical request in s.text, which is of the date in the
// scope (day/region/s3/aws4_request), and returns the signature, which is
// s's own.
func (s *signing) sign(date, scope []byte) []byte {
	sum := sha256.Sum256(s.text)
	s.text = append(s.text[:0], "AWS4-HMAC-SHA256\n"...)
	s.text = append(s.text, date...)
	s.text = append(s.text, '\n')
	s.text = append(s.text, scope...)
	s.text = append(s.text, '\n')
	s.text = hex.AppendEncode(s.text, sum[:])
	s.mac.Reset()
	s.mac.Write(s.text)
	s.sum = s.mac.Sum(s.sum[:0])
	hex.Encode(s.signature[:], s.sum)
	return s.signature[:]
}
