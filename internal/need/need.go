// Package need is for tests that need more of a machine than Go: a database
// server, namespaces of the kernel.
package need

import (
	"os"
	"testing"
)

// Met ends the test if err says what this machine lacks: a developer's may, so
// there it is skipped; in CI, which is to have all, it fails.
func Met(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case os.Getenv("CI") != "":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
}
