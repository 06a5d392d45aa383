package server

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/pflag"
)

// withFile is the configuration that the text of a file gives.
func withFile(t *testing.T, text string) Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "drover.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := loaded(t, "--config", file)
	if err != nil {
		t.Fatalf("%v, of\n%s", err, text)
	}
	return c
}

func differ(a, b Config) string {
	return cmp.Diff(a, b, cmp.Exporter(func(reflect.Type) bool { return true }), cmpopts.EquateEmpty())
}

func TestConfigurationFileOfAPackageSetsTheDataDirectoryAlone(t *testing.T) {
	want, err := loaded(t, "--data", "/var/lib/drover")
	if err != nil {
		t.Fatal(err)
	}
	for _, all := range []bool{true, false} {
		text, err := ConfigurationFile(all)
		if err != nil {
			t.Fatal(err)
		}
		if diff := differ(want, withFile(t, string(text))); diff != "" {
			t.Error(diff)
		}
	}
}

func TestFirstKeysOfTheConfigurationFileAreFlags(t *testing.T) {
	text, err := ConfigurationFile(false)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range firstKeys {
		if !regexp.MustCompile(`(?m)^#?` + name + `: `).Match(text) {
			t.Errorf("%s is no key of the file", name)
		}
	}
}

func TestEachKeyOfTheConfigurationFileHasItsDefault(t *testing.T) {
	text, err := ConfigurationFile(true)
	if err != nil {
		t.Fatal(err)
	}
	want, err := loaded(t, "--data", "/var/lib/drover")
	if err != nil {
		t.Fatal(err)
	}
	all := regexp.MustCompile(`(?m)^#( *[a-z0-9-]+:( |$))`).ReplaceAllString(string(text), "$1")
	if diff := differ(want, withFile(t, all)); diff != "" {
		t.Error(diff)
	}
	keys := 0
	Command().Flags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "config" || f.Name == "help" {
			return
		}
		keys++
		name := f.Name
		if _, rest, nested := strings.Cut(keyOf(f.Name), "."); nested {
			name = "  " + rest
		}
		if n := len(regexp.MustCompile(`(?m)^`+name+`: `).FindAllString(all, -1)); n != 1 {
			t.Errorf("%s is there %d times", f.Name, n)
		}
	})
	if keys < 100 {
		t.Errorf("only %d keys", keys)
	}
}

func TestUnitThatDocsShowIsThatOfPackages(t *testing.T) {
	unit, err := os.ReadFile("../../packaging/packages/drover.service")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/install.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile(`(?m)^(.+)$`).ReplaceAllString(string(unit), "    $1")
	if !strings.Contains(string(page), shown) {
		t.Errorf("docs/install.md does not show\n%s", shown)
	}
}
