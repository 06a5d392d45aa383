package main

import (
	"os"
	"strings"
	"testing"
)

// What builds the program sets the version where it is: the linker is silent about a
// variable that there is not.
func TestBuildsSetTheVersion(t *testing.T) {
	for _, file := range []string{"../../Makefile", "../../packaging/packages/build.sh"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "-X github.com/drover-hpc/drover/internal/server.Version=") {
			t.Errorf("%s does not set server.Version", file)
		}
	}
}
