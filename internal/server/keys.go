package server

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/seal"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/transfer"
)

// SecretKey is where the key is with which secrets in the database are sealed.
type SecretKey struct {
	File string `mapstructure:"secret-key"`

	text        string // what the variable has
	credentials string // systemd's directory
}

const (
	// keyFile is the key in a data directory, and among systemd's credentials without
	// its ending.
	keyFile    = "secret.key"
	credential = "secret-key"
	// keyText is the variable that has the key itself.
	keyText        = "DROVER_SECRET_KEY_TEXT"
	credentialsDir = "CREDENTIALS_DIRECTORY"
)

func declareSecretKey(f *pflag.FlagSet) {
	f.String("secret-key", "", "`FILE` with the key of secrets in the database, made at the first start (default: the variable "+keyText+
		", the credential "+credential+" of systemd, or "+keyFile+" in the data directory)")
}

// take reads the environment, which has nothing of the key any more then: programs
// that this one starts get the rest.
func (k *SecretKey) take() {
	k.text, k.credentials = os.Getenv(keyText), os.Getenv(credentialsDir)
	os.Unsetenv(keyText)        //nolint:errcheck // a name without = can be unset
	os.Unsetenv(credentialsDir) //nolint:errcheck
}

// environ is the environment with what take took.
func (k *SecretKey) environ() []string {
	env := os.Environ()
	for name, value := range map[string]string{keyText: k.text, credentialsDir: k.credentials} {
		if value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// find reads the keys, and tells where they are. fs.ErrNotExist if they are not.
func (k *SecretKey) find(data string) (keys *seal.Keys, where string, err error) {
	if k.File == "" && k.text != "" {
		if keys, err = seal.Parse(k.text); err != nil {
			return nil, keyText, fault.New(fault.Invalid, "%s: %w", keyText, err)
		}
		return keys, keyText, nil
	}
	where = cmp.Or(k.File, filepath.Join(data, keyFile))
	if k.File == "" && k.credentials != "" {
		given := filepath.Join(k.credentials, credential)
		if keys, err = seal.Read(given); !errors.Is(err, fs.ErrNotExist) {
			return keys, given, err
		}
	}
	keys, err = seal.Read(where)
	return keys, where, err
}

// open is the keys that open what the database has. fits is false if that has
// nothing sealed yet: then any will do, and there may be none.
func (k *SecretKey) open(ctx context.Context, database, data string) (keys *seal.Keys, where string, fits bool, err error) {
	sealed, err := store.SealedWith(ctx, database)
	if err != nil {
		return nil, "", false, err
	}
	keys, where, err = k.find(data)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, where, false, err
	}
	for _, id := range sealed {
		if keys != nil && keys.Has(id) {
			continue
		}
		have := "is not there"
		if keys != nil {
			have = "has the key " + strings.Join(keys.IDs(), ", ")
		}
		return nil, where, false, fault.New(fault.Invalid, "the secrets of %s are sealed with the key %s, and %s %s: copy the key file of the server that sealed them (%s of its data directory, or its --secret-key) to %[3]s",
			transfer.Redacted(database), id, where, have, keyFile)
	}
	return keys, where, len(sealed) > 0, nil
}

// openOrMake is open for who may make the key of a database without one.
func (k *SecretKey) openOrMake(ctx context.Context, database, data string) (*seal.Keys, error) {
	keys, where, _, err := k.open(ctx, database, data)
	if err != nil || keys != nil {
		return keys, err
	}
	keys = seal.New()
	err = keys.Create(where)
	if errors.Is(err, fs.ErrExist) { // somebody was faster
		keys, _, _, err = k.open(ctx, database, data)
		return keys, err
	}
	if err == nil {
		slog.Info("made the key of secrets: keep a copy of it apart from copies of the database", "secret-key", where, "key", keys.First())
	}
	return keys, err
}

// fitKeys refuses to stand by with a key that does not fit, once the database has
// secrets that are sealed. It tells whether it has.
func (s *Server) fitKeys(ctx context.Context) (fits bool, err error) {
	keys, _, fits, err := s.config.SecretKey.open(ctx, s.config.database(), s.config.Data)
	if fits {
		s.keys = keys
	}
	return fits, err
}
