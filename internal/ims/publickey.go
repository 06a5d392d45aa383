package ims

import (
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/drover-hpc/drover/internal/fault"
)

// PublicKey opens the shells of image builds to its owner.
type PublicKey struct {
	ID        string `json:"id" format:"uuid" readOnly:"true" doc:"ID of the key"`
	Created   Time   `json:"created" readOnly:"true" doc:"When the record was made"`
	Name      string `json:"name" doc:"Name of the key"`
	PublicKey string `json:"public_key" doc:"The key as OpenSSH writes it"`
}

// DeletedPublicKey is a key whose deletion can be undone.
type DeletedPublicKey struct {
	PublicKey
	Deleted Time `json:"deleted" readOnly:"true" doc:"When it was deleted"`
}

// NewPublicKey is what a new key is made from.
type NewPublicKey struct {
	Name      string `json:"name" minLength:"1" maxLength:"255" doc:"Name of the key"`
	PublicKey string `json:"public_key" minLength:"1" doc:"The key as OpenSSH writes it"`
}

// check refuses what would let nobody in: each line must be a key. What was sent
// is not repeated, as it may be a private key. A name has no control characters.
func (n NewPublicKey) check() error {
	if err := fault.CheckName("name", n.Name); err != nil {
		return err
	}
	keys := 0
	for line := range strings.Lines(n.PublicKey) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if strings.Contains(line, "PRIVATE KEY-----") {
			return fault.New(fault.Invalid, "this is a private key, which stays with its owner: expected the public one, the file that ends in .pub - 'public_key'")
		}
		if _, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line)); err != nil {
			return errNoKey
		}
		keys++
	}
	if keys == 0 {
		return errNoKey
	}
	return nil
}

var errNoKey = fault.New(fault.Invalid, "this is no SSH public key: expected it as OpenSSH writes it, such as 'ssh-ed25519 AAAA... me@host', "+
	"the content of the file that ssh-keygen makes with the ending .pub - 'public_key'")
