package cli

import (
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
	for name, all := range map[string]bool{"drover.yaml": false, "examples/drover.yaml": true} {
		if a.Configuration == nil {
			break
		}
		text, err := a.Configuration(all)
		if err != nil {
			return fmt.Errorf("make a configuration file: %w", err)
		}
		files[name] = text
	}
	for name, text := range files {
		if err := writeDocument(dir, name, func(w io.Writer) error {
			_, err := w.Write(text)
			return err
		}); err != nil {
			return err
		}
	}
	for name, write := range map[string]func(io.Writer) error{
		"drover.bash": func(w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"_drover":     root.GenZshCompletion,
		"drover.fish": func(w io.Writer) error { return root.GenFishCompletion(w, true) },
	} {
		if err := writeDocument(dir, filepath.Join("completions", name), write); err != nil {
			return err
		}
	}
	return nil
}

func writeDocument(dir, name string, write func(io.Writer) error) error {
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	err = write(f)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
