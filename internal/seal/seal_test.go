package seal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSealedTextOpensAtItsPlaceAlone(t *testing.T) {
	keys, here := New(), Place{"hsm_credentials", "x0c0s0b0", "doc"}
	sealed := keys.Seal(here, []byte("initial0"))
	if text, err := keys.Open(here, sealed); err != nil || string(text) != "initial0" {
		t.Fatalf("%q, %v", text, err)
	}
	if again := keys.Seal(here, []byte("initial0")); again == sealed {
		t.Error("the same text is sealed the same way")
	}
	for _, p := range []Place{
		{"hsm_credentials", "x0c0s1b0", "doc"}, {"cfs_secrets", "x0c0s0b0", "doc"}, {"hsm_credentials", "x0c0s0b0", "Password"},
		{"hsm_credentialsx", "0c0s0b0", "doc"}, // the same letters
	} {
		if text, err := keys.Open(p, sealed); err == nil {
			t.Errorf("opens at %v: %q", p, text)
		}
	}
	if strings.Contains(sealed, "initial0") {
		t.Error("it can be read")
	}
}

func TestWhatIsNotAsItWasSealedDoesNotOpen(t *testing.T) {
	keys, here := New(), Place{"t", "k", "doc"}
	sealed := keys.Seal(here, []byte("word"))
	for i := range sealed {
		changed := []byte(sealed)
		changed[i]++
		text, err := keys.Open(here, string(changed))
		if err == nil {
			t.Errorf("opens with letter %d changed: %q", i, text)
		}
		if err != nil && strings.Contains(err.Error(), "word") {
			t.Errorf("the error tells it: %v", err)
		}
	}
	for i := range sealed {
		if _, err := keys.Open(here, sealed[:i]); err == nil {
			t.Errorf("opens cut to %d letters", i)
		}
	}
	if _, err := New().Open(here, sealed); err == nil || !strings.Contains(err.Error(), keys.First()) {
		t.Errorf("another key: %v", err)
	}
}

func TestFirstKeySealsAndAllOpen(t *testing.T) {
	old, fresh, here := New(), New(), Place{"t", "k", "doc"}
	both, err := Parse("# kept apart\n\n" + fresh.Before(old).Text() + old.Text())
	if err != nil || len(both.IDs()) != 2 || both.First() != fresh.First() {
		t.Fatalf("%v, %v", both, err)
	}
	if text, err := both.Open(here, old.Seal(here, []byte("a"))); err != nil || string(text) != "a" {
		t.Errorf("%q, %v", text, err)
	}
	if id, is := KeyOf(both.Seal(here, []byte("a"))); !is || id != fresh.First() {
		t.Errorf("sealed with %s", id)
	}
	for _, text := range []string{"", "# nothing\n", "word\n", strings.TrimSpace(old.Text())[:40], old.Text() + "x\n"} {
		if _, err := Parse(text); err == nil {
			t.Errorf("read %q", text)
		} else if len(text) > 30 && strings.Contains(err.Error(), text[25:35]) {
			t.Errorf("the error tells the key: %v", err)
		}
	}
}

func TestKeyFileIsItsOwnersAlone(t *testing.T) {
	path, keys := filepath.Join(t.TempDir(), "secret.key"), New()
	if _, err := Read(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("no file: %v", err)
	}
	if err := keys.Create(path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	if err := New().Create(path); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("a second time: %v", err)
	}
	if read, err := Read(path); err != nil || read.First() != keys.First() {
		t.Fatalf("%v, %v", read, err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil || !strings.Contains(err.Error(), "chmod 0600 "+path) {
		t.Errorf("readable by a group: %v", err)
	}
	if err := New().Replace(path); err != nil {
		t.Fatal(err)
	}
	if read, err := Read(path); err != nil || read.First() == keys.First() {
		t.Errorf("replaced: %v, %v", read, err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}

func BenchmarkOpen(b *testing.B) {
	keys, here := New(), Place{"hsm_credentials", "x1000c0s0b0", "doc"}
	sealed := keys.Seal(here, []byte(`{"Xname":"x1000c0s0b0","Username":"root","Password":"initial0"}`))
	for b.Loop() {
		if _, err := keys.Open(here, sealed); err != nil {
			b.Fatal(err)
		}
	}
}

// root rotates the key of a server that is an ordinary user.
func TestKeyFileThatRootReplacesStaysItsOwners(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("root alone can give a file to another user")
	}
	path := filepath.Join(t.TempDir(), "secret.key")
	if err := errors.Join(New().Create(path), os.Chown(path, 4711, 4712), New().Replace(path)); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if stat, _ := ownerOf(info); stat.Uid != 4711 || stat.Gid != 4712 || info.Mode().Perm() != 0o600 {
		t.Errorf("owner %d, group %d, mode %04o: expected 4711, 4712 and 0600", stat.Uid, stat.Gid, info.Mode().Perm())
	}
}
