package contract

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// Each test that docs/api-compatibility.md names for a claim exists.
func TestClaimsNameTestsThatExist(t *testing.T) {
	page, err := os.ReadFile("../docs/api-compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := exec.Command("git", "ls-files", "..").Output()
	if err != nil {
		t.Skip("the files of the project are not known: ", err)
	}
	have := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for name := range strings.SplitSeq(string(files), "\n") {
		if !strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			continue // removed and not committed yet
		}
		for _, m := range declared.FindAllSubmatch(source, -1) {
			have[string(m[1])] = true
		}
	}
	for _, m := range regexp.MustCompile("`(Test\\w+)`").FindAllSubmatch(page, -1) {
		if !have[string(m[1])] {
			t.Errorf("there is no %s", m[1])
		}
	}
}
