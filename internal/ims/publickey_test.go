package ims_test

import (
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/ims"
)

const aPublicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPgZvS2uX35fmQvxxm2/NOsVraAyFglaGfu8t5vGfiT"

func TestOnlySSHPublicKeysAreKept(t *testing.T) {
	r := start(t)
	private := "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n"
	for text, want := range map[string]string{
		"key":                         "no SSH public key",
		"ssh-ed25519 AAAA me":         "no SSH public key",
		aPublicKey + "\nssh-rsa AAAA": "no SSH public key", // one line of two
		" \n":                         "no SSH public key",
		"# " + aPublicKey:             "no SSH public key",
		private:                       "a private key",
	} {
		for _, version := range []string{"", "/v2", "/v3"} {
			err := r.do("POST", version+"/public-keys", ims.NewPublicKey{Name: "k", PublicKey: text}, nil)
			if !httpapi.IsStatus(err, 400) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "'public_key'") || strings.Contains(err.Error(), "c2VjcmV0") {
				t.Errorf("POST %s/public-keys of %q: %v", version, text, err)
			}
		}
	}
	var all []ims.PublicKey
	if r.must("GET", "/v3/public-keys", nil, &all); len(all) != 0 {
		t.Errorf("kept %+v", all)
	}
	for _, text := range []string{aPublicKey, aPublicKey + " me@host\n", "from=\"10.0.0.0/8\" " + aPublicKey + "\n\n# mine\n" + aPublicKey + " second\n"} {
		r.must("POST", "/v3/public-keys", ims.NewPublicKey{Name: "k", PublicKey: text}, nil)
	}
}
