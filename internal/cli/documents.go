package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// documents is `drover documents`, which makes what a package has beside the
// program.
func (a *app) documents() *cobra.Command {
	return &cobra.Command{Use: "documents DIR", Short: "Write man pages, completions of shells and configuration files", Args: arguments("DIR"),
		Long: "Write what a package has beside the program into DIR: man pages (man/), what bash, zsh and fish complete the command line by " +
			"(completions/), and configuration files of the server (drover.yaml with the keys that most sites need, examples/drover.yaml with all).",
		RunE: func(_ *cobra.Command, args []string) error { return a.writeDocuments(args[0]) }}
}

func (a *app) writeDocuments(dir string) error {
	root := a.root(func(string) bool { return true })
	files := map[string][]byte{"man/" + a.name + ".1": a.manual(root)}
	for _, c := range shown(root) {
		files["man/"+a.name+"-"+c.Name()+".1"] = a.manual(c)
	}
	if a.Configuration != nil {
		for name, all := range map[string]bool{"drover.yaml": false, "examples/drover.yaml": true} {
			text, err := a.Configuration(all)
			if err != nil {
				return fmt.Errorf("make a configuration file: %w", err)
			}
			files[name] = text
		}
	}
	for name, write := range map[string]func(io.Writer) error{
		"drover.bash": func(w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"_drover":     root.GenZshCompletion,
		"drover.fish": func(w io.Writer) error { return root.GenFishCompletion(w, true) },
	} {
		var text bytes.Buffer
		if err := write(&text); err != nil {
			return fmt.Errorf("make completions: %w", err)
		}
		files["completions/"+name] = text.Bytes()
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
