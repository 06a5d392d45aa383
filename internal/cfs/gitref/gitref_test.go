package gitref_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/cfs/gitref"
	"github.com/drover-hpc/drover/internal/fault"
)

// repository makes one with a commit on main, a branch, a lightweight and an
// annotated tag.
func repository(t *testing.T) (dir string, git func(args ...string) string) {
	t.Helper()
	dir = t.TempDir()
	git = func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@example.org"}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "-q", "-b", "main")
	git("commit", "-q", "--allow-empty", "-m", "first")
	git("tag", "light")
	git("tag", "-a", "annotated", "-m", "a tag with an object of its own")
	git("checkout", "-q", "-b", "feature/one")
	git("commit", "-q", "--allow-empty", "-m", "second")
	return dir, git
}

func TestResolve(t *testing.T) {
	dir, git := repository(t)
	first, second := git("rev-parse", "main"), git("rev-parse", "feature/one")
	if git("rev-parse", "annotated") == first {
		t.Fatal("the tag is not annotated")
	}
	names := []string{"main", "feature/one", "light", "annotated", second}
	for _, url := range []string{dir, "file://" + dir} {
		got, err := gitref.Resolver{}.Resolve(t.Context(), cfs.Repository{URL: url}, names)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []string{first, second, first, first, second} {
			if got[names[i]] != want {
				t.Errorf("%s is %s, want %s", names[i], got[names[i]], want)
			}
		}
	}
}

func TestResolveRefuses(t *testing.T) {
	dir, _ := repository(t)
	mark := filepath.Join(t.TempDir(), "executed")
	for _, c := range []struct{ url, name, want string }{
		{dir, "none", "no branch or tag 'none'"},
		{dir, "one", "no branch or tag"}, // the end of a name is not the name
		{dir, "*", "no branch or tag"},
		{dir, "--upload-pack=touch " + mark, "no branch or tag"},
		{"--upload-pack=touch " + mark, "main", "begin with '-'"},
		{"ext::touch " + mark, "main", "git cannot read it"},
		{filepath.Join(dir, "nowhere"), "main", "git cannot read it"},
	} {
		_, err := gitref.Resolver{}.Resolve(t.Context(), cfs.Repository{URL: c.url}, []string{c.name})
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v", c.url, c.name, err)
		}
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("a command was executed")
	}
}

// Whose repository asks for a login that nobody gave is told where it belongs.
func TestALoginThatIsMissingIsAskedFor(t *testing.T) {
	refusing := filepath.Join(t.TempDir(), "git")
	if err := os.WriteFile(refusing, []byte("#!/bin/sh\necho \"fatal: Authentication failed for 'u'\" >&2\nexit 128\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for username, want := range map[string]bool{"": true, "joe": false} {
		_, err := gitref.Resolver{Git: refusing, Username: username}.Resolve(t.Context(), cfs.Repository{URL: "u"}, []string{"main"})
		if !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), "drover cfs v3 sources create") != want {
			t.Errorf("login %q: %v", username, err)
		}
	}
}

// A git that asks for a password or hangs ends with the deadline.
func TestResolveDeadline(t *testing.T) {
	slow := filepath.Join(t.TempDir(), "git")
	if err := os.WriteFile(slow, []byte("#!/bin/sh\nexec sleep 60\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := gitref.Resolver{Git: slow}.Resolve(ctx, cfs.Repository{URL: "u"}, []string{"main"})
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "in time") {
		t.Error(err)
	}
}

// Credentials reach git through its askpass helper and nothing else.
func TestCredentials(t *testing.T) {
	dir := t.TempDir()
	fake := filepath.Join(dir, "git")
	script := `#!/bin/sh
echo "$@" > ` + dir + `/args
{ "$GIT_ASKPASS" "Username for 'https://git':"; "$GIT_ASKPASS" "Password for 'https://joe@git':"; echo "$GIT_TERMINAL_PROMPT"; } > ` + dir + `/answers
printf '%s\trefs/heads/main\n' aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
`
	if err := os.WriteFile(fake, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	repo := cfs.Repository{URL: "https://git/r", Secret: &cfs.Secret{Username: "joe", Password: "hunter2 '$x"}}
	if _, err := (gitref.Resolver{Git: fake, Username: "site", Password: "other"}).Resolve(t.Context(), repo, []string{"main"}); err != nil {
		t.Fatal(err)
	}
	answers, _ := os.ReadFile(filepath.Join(dir, "answers"))
	if string(answers) != "joe\nhunter2 '$x\n0\n" {
		t.Errorf("%q", answers)
	}
	args, _ := os.ReadFile(filepath.Join(dir, "args"))
	if strings.Contains(string(args), "hunter2") {
		t.Errorf("%q", args)
	}
}
