package server

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/seal"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

// send makes a request that has to go well.
func send(t *testing.T, s *Server, method, path, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		t.Fatalf("%s %s: %s", method, path, resp.Status)
	}
}

// toldSecrets are what tellSecrets tells.
var toldSecrets = []string{"hush-bmc-password", "hush-git-password", "hush-cloud-init"}

func tellSecrets(t *testing.T, s *Server) {
	t.Helper()
	send(t, s, "POST", "/apis/smd/hsm/v2/Inventory/RedfishEndpoints",
		`{"ID":"x9000c1s0b0","FQDN":"127.0.0.9:1","User":"root","Password":"hush-bmc-password"}`)
	send(t, s, "POST", "/apis/cfs/v3/sources",
		`{"name":"site","clone_url":"https://git.example.org/site.git","credentials":{"authentication_method":"password","username":"u","password":"hush-git-password"}}`)
	send(t, s, "PUT", "/apis/bss/boot/v1/bootparameters",
		`{"hosts":["x9000c1s0b0n0"],"kernel":"s3://boot-images/k","cloud-init":{"user-data":{"password":"hush-cloud-init"}}}`)
}

// found names the file of the directory that has one of the words.
func found(t *testing.T, dir string, words ...string) (where string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && !d.Type().IsRegular() {
			return nil
		}
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		for _, word := range words {
			if bytes.Contains(text, []byte(word)) {
				where = path + " has " + word
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return where
}

func TestNothingInTheDataDirectoryTellsSecrets(t *testing.T) {
	c := testConfig(t)
	s, err := Start(t.Context(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	tellSecrets(t, s)
	words := append([]string{s.platform.s3Credentials.SecretKey}, toldSecrets...)
	if where := found(t, c.Data, words...); where != "" {
		t.Error("while it runs: " + where)
	}
	s.Stop()
	if where := found(t, c.Data, words...); where != "" {
		t.Error("after its end: " + where)
	}
	for _, name := range []string{databaseFile, keyFile, "lock"} {
		if info, err := os.Stat(filepath.Join(c.Data, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	again, err := Start(t.Context(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Stop()
	if again.platform.s3Credentials.SecretKey != words[0] {
		t.Error("the object store has other keys after a restart")
	}
	if r, err := again.cfs.Repository(t.Context(), "site"); err != nil || r.Secret.Password != "hush-git-password" {
		t.Errorf("%+v, %v", r, err)
	}
}

// A site of a version without keys has secrets in its database, in its log, and in
// a file; after the first start they are nowhere.
func TestSiteInClearIsSealedByItsFirstStart(t *testing.T) {
	c := testConfig(t)
	db, err := store.Open(t.Context(), c.database(), nil)
	if err != nil {
		t.Fatal(err)
	}
	secrets := secretsOf(db)
	if err := secrets.Put(t.Context(), secret{Name: siteKey, Value: []byte("another one")}, secret{Name: "note", Value: []byte("hush-in-the-database")}); err != nil {
		t.Fatal(err)
	}
	coded := "aHVzaC1pbi10aGUtZGF0YWJhc2" // how JSON has it
	if found(t, c.Data, coded) == "" {
		t.Fatal("the word is in no file to begin with")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"s3-credentials.json": `{"AccessKey":"drover","SecretKey":"hush-in-a-file"}`} {
		if err := os.WriteFile(filepath.Join(c.Data, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chmod(c.database(), 0o644), os.Chmod(c.Data, 0o755)); err != nil {
		t.Fatal(err)
	}
	s, err := Start(t.Context(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	if where := found(t, c.Data, coded, "hush-in-a-file"); where != "" {
		t.Error(where)
	}
	if got := s.platform.s3Credentials.SecretKey; got != "hush-in-a-file" {
		t.Errorf("the object store has the key %q", got)
	}
	if got, err := s.secrets().Get(t.Context(), "note"); err != nil || string(got.Value) != "hush-in-the-database" {
		t.Errorf("%s, %v", got.Value, err)
	}
	for path, mode := range map[string]fs.FileMode{c.Data: 0o700, c.database(): 0o600, c.database() + "-wal": 0o600, c.database() + "-shm": 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

func TestServerWithoutTheKeySaysWhichFileToCopy(t *testing.T) {
	for name, database := range map[string]func(testing.TB) string{"sqlite": func(testing.TB) string { return "" }, "postgres": storetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			c := testConfig(t)
			c.Database = database(t)
			s, err := Start(t.Context(), c, Options{})
			if err != nil {
				t.Fatal(err)
			}
			s.Stop()
			right, err := seal.Read(filepath.Join(c.Data, keyFile))
			if err != nil {
				t.Fatal(err)
			}
			other := c
			if name == "sqlite" {
				must(t, os.Rename(filepath.Join(c.Data, keyFile), filepath.Join(c.Data, "copy")))
			} else {
				other.Data = t.TempDir()
			}
			path := filepath.Join(other.Data, keyFile)
			for _, wrong := range []bool{false, true} {
				if wrong {
					must(t, seal.New().Create(path))
				}
				s, err := Start(t.Context(), other, Options{})
				if err == nil {
					s.Stop()
					t.Fatal("it started")
				}
				if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), right.First()) || !strings.HasSuffix(err.Error(), "to "+path) {
					t.Error(err)
				}
			}
			must(t, right.Replace(path))
			if s, err = Start(t.Context(), other, Options{}); err != nil {
				t.Fatal(err)
			}
			s.Stop()
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhereTheKeyComesFrom(t *testing.T) {
	data, dir := t.TempDir(), t.TempDir()
	inData, given, named, text := seal.New(), seal.New(), seal.New(), seal.New()
	must(t, inData.Create(filepath.Join(data, keyFile)))
	must(t, given.Create(filepath.Join(dir, credential)))
	must(t, named.Create(filepath.Join(dir, "named.key")))
	for want, k := range map[*seal.Keys]SecretKey{
		inData: {},
		given:  {credentials: dir},
		text:   {credentials: dir, text: text.Text()},
		named:  {credentials: dir, text: text.Text(), File: filepath.Join(dir, "named.key")},
	} {
		if keys, where, err := k.find(data); err != nil || keys.First() != want.First() {
			t.Errorf("%+v: %s, %v", k, where, err)
		}
	}
	none := SecretKey{credentials: data} // no such credential
	if keys, _, err := none.find(data); err != nil || keys.First() != inData.First() {
		t.Errorf("%v, %v", keys, err)
	}
}

// What starts programs has the environment of this process: the key is no longer in it.
func TestProgramsAreNotToldTheKey(t *testing.T) {
	t.Setenv(keyText, seal.New().Text())
	t.Setenv(credentialsDir, "/run/credentials/drover.service")
	c, err := loaded(t)
	must(t, err)
	if c.SecretKey.text == "" || c.SecretKey.credentials == "" {
		t.Fatalf("%+v", c.SecretKey)
	}
	out, err := exec.CommandContext(t.Context(), "env").Output()
	must(t, err)
	if strings.Contains(string(out), "drover-secret-key") || strings.Contains(string(out), credentialsDir) {
		t.Errorf("%s", out)
	}
	if env := strings.Join(c.SecretKey.environ(), "\n"); !strings.Contains(env, keyText+"=drover-secret-key") {
		t.Error("it would not know the key when it begins anew")
	}
}
