package cli

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// documented is what `drover documents` writes, by name.
func documented(t *testing.T) map[string]string {
	t.Helper()
	b, dir := newBench(t), t.TempDir()
	if code, _, stderr := b.run("drover", "documents", dir); code != 0 || len(b.calls) > 0 {
		t.Fatalf("exit %d, %s, calls %q", code, stderr, b.calls)
	}
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, dir+"/")] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestEachCommandThatHelpShowsHasAManPage(t *testing.T) {
	files := documented(t)
	a := newApp(Config{})
	for _, c := range shown(a.root(func(string) bool { return true })) {
		page := "drover-" + c.Name()
		if files["man/"+page+".1"] == "" || !strings.Contains(files["man/drover.1"], strings.ReplaceAll(page, "-", `\-`)+"(1)") {
			t.Errorf("%s has no page, or drover(1) does not name it", page)
		}
	}
	for page, want := range map[string][]string{
		"drover":     {`.TH "DROVER" 1 "" "drover 1.2.3" "Drover"`},
		"drover-cfs": {`.SS "drover cfs v3 sessions create [OPTIONS]"`, `\fB\-\-configuration\-name TEXT\fR`, "Required options", `\fB\-\-target\-group NAME MEMBERS\fR`, ".SH \"GLOBAL OPTIONS\""},
		"drover-bos": {`.SS "drover bos v2 sessions create [OPTIONS]"`, `.SS "drover bos v1 session list [OPTIONS]"`},
		// A command that has subcommands and does something by itself.
		"drover-audit":   {"\\fB\\-\\-since", `.SS "drover audit verify`},
		"drover-explain": {`\fBdrover explain [OPTIONS] NODE...\fR`},
	} {
		for _, w := range want {
			if !strings.Contains(files["man/"+page+".1"], w) {
				t.Errorf("%s(1) has no %q", page, w)
			}
		}
	}
	if strings.Contains(files["man/drover-cfs.1"], `.SS "drover cfs sessions`) {
		t.Error("drover-cfs(1) tells what it tells of v2 once more without a version")
	}
}

func TestManPagesHaveNoRequestsButTheirOwn(t *testing.T) {
	request := regexp.MustCompile(`(?m)^[.'].*$`)
	own := regexp.MustCompile(`^\.(TH|SH|SS|TP|PP|nf|fi)\b`)
	pages := documented(t)
	a := newApp(Config{})
	pages["man/x.1"] = string(a.manual(&cobra.Command{Use: "x", Short: "Take C:\\path", Long: ".so /etc/passwd\n\n'quoted'\n\n  .example\n\tof two\n\n\\fBold"}))
	for name, text := range pages {
		if filepath.Ext(name) != ".1" {
			continue
		}
		for _, line := range request.FindAllString(text, -1) {
			if !own.MatchString(line) {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
	for _, want := range []string{"\n\\&.so /etc/passwd\n", "\n\\(aqquoted\\(aq\n", ".nf\n  .example\n    of two\n.fi\n", "\\efBold", `C:\epath`} {
		if !strings.Contains(pages["man/x.1"], want) {
			t.Errorf("no %q in %s", want, pages["man/x.1"])
		}
	}
}

func TestCompletionsAreWrittenForThreeShells(t *testing.T) {
	files := documented(t)
	for name, want := range map[string]string{"drover.bash": "__start_drover", "_drover": "#compdef drover", "drover.fish": "complete -c drover"} {
		if !strings.Contains(files["completions/"+name], want) {
			t.Errorf("%s has no %q", name, want)
		}
	}
}
