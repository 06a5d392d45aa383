package seal

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// Place is where a text is kept. A copy of it elsewhere does not open.
type Place struct{ Table, Key, Field string }

// mark is what a sealed text begins with; the key's name and a dot follow. No
// document begins so.
const mark = "sealed-1."

var letters = base64.RawStdEncoding.Strict()

// bytes are the place without any doubt about where its parts begin.
func (p Place) bytes() []byte {
	out := make([]byte, 0, len(p.Table)+len(p.Key)+len(p.Field)+12)
	for _, part := range []string{p.Table, p.Key, p.Field} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(part)))
		out = append(out, part...)
	}
	return out
}

// Seal encrypts the text for the place, with the first key.
func (k *Keys) Seal(p Place, text []byte) string {
	first := k.list[0]
	nonce := make([]byte, chacha20poly1305.NonceSizeX, chacha20poly1305.NonceSizeX+len(text)+chacha20poly1305.Overhead)
	rand.Read(nonce) //nolint:errcheck // it never fails
	head := mark + first.id + "."
	out := make([]byte, len(head), len(head)+letters.EncodedLen(cap(nonce)))
	copy(out, head)
	return string(letters.AppendEncode(out, first.cipher.Seal(nonce, nonce, text, p.bytes())))
}

// KeyOf names the key with which the text was sealed; is is false if it is not
// sealed.
func KeyOf(text string) (id string, is bool) {
	rest, is := strings.CutPrefix(text, mark)
	if !is {
		return "", false
	}
	id, _, is = strings.Cut(rest, ".")
	return id, is
}

// Open is the text that was sealed for the place. Errors tell nothing of it.
func (k *Keys) Open(p Place, sealed string) ([]byte, error) {
	id, is := KeyOf(sealed)
	if !is {
		return nil, fmt.Errorf("%s of %s '%s' is not sealed: it was not written by this server", p.Field, p.Table, p.Key)
	}
	with := k.of(id)
	if with == nil {
		return nil, fmt.Errorf("%s of %s '%s' is sealed with the key %s: there are %s", p.Field, p.Table, p.Key, id, strings.Join(k.IDs(), ", "))
	}
	data, err := letters.DecodeString(sealed[len(mark)+len(id)+1:])
	if err == nil && len(data) < chacha20poly1305.NonceSizeX {
		err = errors.New("it is too short")
	}
	if err != nil {
		return nil, fmt.Errorf("%s of %s '%s' is damaged: %w", p.Field, p.Table, p.Key, err)
	}
	text, err := with.cipher.Open(nil, data[:chacha20poly1305.NonceSizeX], data[chacha20poly1305.NonceSizeX:], p.bytes())
	if err != nil {
		return nil, fmt.Errorf("%s of %s '%s' does not open: it is damaged, or was put there from elsewhere", p.Field, p.Table, p.Key)
	}
	return text, nil
}
