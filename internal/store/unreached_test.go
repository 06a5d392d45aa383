package store_test

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// Who names a database that cannot be reached is told where, why and what to do, and
// the password is not.
func TestADatabaseThatIsNotReachedIsToldWithWhatToDo(t *testing.T) {
	for code, want := range map[string]struct {
		kind fault.Kind
		text string
	}{
		"":      {fault.Unavailable, "another host and port"},
		"28P01": {fault.Invalid, "expected its user and password"},
		"3D000": {fault.Invalid, "createdb --owner ada site"},
		"57P03": {fault.Unavailable, "try again"},
		"42501": {fault.Invalid, "correct the URL"},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if code == "" {
			l.Close()
		} else {
			defer l.Close()
			go refuse(l, code)
		}
		at := l.Addr().String()
		_, err = store.SealedWith(t.Context(), "postgres://ada:secret@"+at+"/site")
		if !fault.Is(err, want.kind) {
			t.Errorf("%q: %v is of kind %v", code, err, fault.KindOf(err))
			continue
		}
		for _, part := range []string{"database: ", at, want.text} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q: %q lacks %q", code, err, part)
			}
		}
		if text := err.Error(); strings.ContainsAny(text, "\n") || strings.Contains(text, "secret") {
			t.Errorf("%q: told %q", code, text)
		}
	}
	if other := errors.New("other"); store.Unreached(other) != other {
		t.Error("an error of something else is another one")
	}
}

// refuse answers each connection as PostgreSQL does that takes none, with the code.
func refuse(l net.Listener, code string) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		backend := pgproto3.NewBackend(c, c)
		for {
			m, err := backend.ReceiveStartupMessage()
			if _, tls := m.(*pgproto3.SSLRequest); err != nil || !tls {
				break
			}
			if _, err = c.Write([]byte("N")); err != nil {
				break
			}
		}
		backend.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: code, Message: "not you"})
		_ = backend.Flush()
		c.Close()
	}
}
