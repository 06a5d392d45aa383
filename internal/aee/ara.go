package aee

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// araEnv has Ansible record the session in ARA, under its name as the label.
// plugins is the directory of ARA's callback. Without the callback the session
// goes on, and its log says why it is not in ARA.
func araEnv(ctx context.Context, url, session string, out io.Writer) (env []string, plugins string) {
	if url == "" {
		return nil, ""
	}
	python, err := ansiblePython()
	if err == nil {
		plugins, err = araPlugins(ctx, python)
	}
	if err != nil {
		fmt.Fprintf(out, "this session is not recorded in ARA at %s (ara-url): %v; install the Python package ara for the Python that runs Ansible\n", url, err)
		return nil, ""
	}
	return []string{"ARA_API_CLIENT=http", "ARA_API_SERVER=" + url, "ARA_DEFAULT_LABELS=" + session,
		"ARA_RECORD_CONTROLLER=false", "ARA_RECORD_USER=false"}, plugins
}

// ansiblePython is the interpreter that ansible-playbook names in its first line.
func ansiblePython() (string, error) {
	program, err := exec.LookPath("ansible-playbook")
	if err != nil {
		return "", err
	}
	f, err := os.Open(program)
	if err != nil {
		return "", err
	}
	defer f.Close()
	line, _ := bufio.NewReader(f).ReadString('\n') // an empty line names none
	words := strings.Fields(strings.TrimPrefix(line, "#!"))
	if strings.HasPrefix(line, "#!") && len(words) > 0 && strings.Contains(filepath.Base(words[0]), "python") {
		return words[0], nil
	}
	return "python3", nil // by way of env, or of a shell
}

func araPlugins(ctx context.Context, python string) (string, error) {
	said, err := exec.CommandContext(ctx, python, "-m", "ara.setup.callback_plugins").CombinedOutput()
	text := strings.TrimSpace(string(said))
	if err != nil {
		last := text[strings.LastIndexByte(text, '\n')+1:]
		return "", fmt.Errorf("%s -m ara.setup.callback_plugins: %w: %s", python, err, last)
	}
	return text, nil
}
