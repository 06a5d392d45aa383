package seal

import (
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/drover-hpc/drover/internal/fault"
)

// Keys are the keys of a site, of which the first one seals and all of them open.
type Keys struct{ list []*key }

type key struct {
	id     string // tells keys apart, and nothing about them
	secret []byte
	cipher cipher.AEAD
}

// word is what a key begins with in a file: a search for secrets finds it.
const word = "drover-secret-key-1:"

// New makes a key.
func New() *Keys {
	secret := make([]byte, chacha20poly1305.KeySize)
	rand.Read(secret) //nolint:errcheck // it never fails
	return &Keys{[]*key{newKey(secret)}}
}

func newKey(secret []byte) *key {
	aead, err := chacha20poly1305.NewX(secret)
	if err != nil {
		panic(err) // the callers see to the length
	}
	sum := sha256.Sum256(append([]byte("drover secret key\x00"), secret...))
	return &key{id: hex.EncodeToString(sum[:6]), secret: secret, cipher: aead}
}

// Parse reads the text of a key file: a key each line, between comments (#).
func Parse(text string) (*Keys, error) {
	k := &Keys{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		coded, is := strings.CutPrefix(line, word)
		secret, err := base64.RawURLEncoding.DecodeString(coded)
		if !is || err != nil || len(secret) != chacha20poly1305.KeySize { // the line is not repeated: it may be a key
			return nil, fault.New(fault.Invalid, "a line is no key: expected %s and 43 letters, as `drover secrets new-key` makes it", word)
		}
		if next := newKey(secret); k.of(next.id) == nil {
			k.list = append(k.list, next)
		}
	}
	if len(k.list) == 0 {
		return nil, fault.New(fault.Invalid, "there is no key: expected a line of %s and 43 letters, as `drover secrets new-key` makes it", word)
	}
	return k, nil
}

// Text is what Parse reads.
func (k *Keys) Text() string {
	var b strings.Builder
	for _, one := range k.list {
		b.WriteString(word + base64.RawURLEncoding.EncodeToString(one.secret) + "\n")
	}
	return b.String()
}

// Before is these keys and then the others.
func (k *Keys) Before(others *Keys) *Keys {
	return &Keys{append(slices.Clip(k.list), others.list...)}
}

// First names the key that seals.
func (k *Keys) First() string { return k.list[0].id }

// IDs names the keys.
func (k *Keys) IDs() []string {
	out := make([]string, len(k.list))
	for i, one := range k.list {
		out[i] = one.id
	}
	return out
}

// Has tells whether the named key is one of them.
func (k *Keys) Has(id string) bool { return k.of(id) != nil }

func (k *Keys) of(id string) *key {
	for _, one := range k.list {
		if one.id == id {
			return one
		}
	}
	return nil
}
