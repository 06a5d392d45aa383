package aee

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/aee/plugin"
	"github.com/drover-hpc/drover/internal/cfs"
)

// ansibleConfig returns the text of the named Ansible configuration: the
// site's NAME/ansible.cfg in dir, or the one that Drover brings.
func ansibleConfig(dir, name string) ([]byte, error) {
	if name == "" {
		name = plugin.DefaultConfigName
	}
	if err := cfs.CheckAnsibleConfig("ansible_config", name); err != nil { // of a session or an option of before
		return nil, err
	}
	if dir != "" {
		text, err := os.ReadFile(filepath.Join(dir, name, "ansible.cfg"))
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return text, err
		}
	}
	if name == plugin.DefaultConfigName {
		return plugin.DefaultConfig, nil
	}
	if dir == podConfigs {
		return nil, fmt.Errorf("there is no Ansible configuration %q: expected a ConfigMap of this name with the key ansible.cfg", name)
	}
	return nil, fmt.Errorf("there is no Ansible configuration %q: expected the file %s",
		name, filepath.Join(dir, name, "ansible.cfg"))
}

// configValue finds a key in [defaults] of an ansible.cfg; the first of the
// keys that is set wins.
func configValue(text []byte, keys ...string) string {
	values := map[string]string{}
	section := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = strings.Trim(line, "[]")
			continue
		}
		if i := strings.IndexAny(line, "=:"); i > 0 && section == "defaults" && !strings.ContainsAny(line[:1], "#;") {
			values[strings.TrimSpace(line[:i])] = strings.TrimSpace(line[i+1:])
		}
	}
	for _, k := range keys {
		if v := values[k]; v != "" {
			return v
		}
	}
	return ""
}

// pluginEnv has Ansible find our plugins beside those that the configuration
// names, under the option's name of every Ansible version. Those that report
// and record are always enabled: hosts of which nothing is told pass for not
// concerned. ara is the directory of ARA's callback, if it is wanted.
func pluginEnv(config []byte, dir, ara string) []string {
	enabled := configValue(config, "callbacks_enabled", "callback_whitelist")
	for _, ours := range []string{plugin.Reporter, plugin.Recorder} {
		if !slices.ContainsFunc(strings.Split(enabled, ","), func(name string) bool { return strings.TrimSpace(name) == ours }) {
			enabled = strings.TrimPrefix(enabled+","+ours, ",")
		}
	}
	return []string{
		"ANSIBLE_CALLBACK_PLUGINS=" + joinPath(joinPath(configValue(config, "callback_plugins"), filepath.Join(dir, plugin.Callbacks)), ara),
		"ANSIBLE_STRATEGY_PLUGINS=" + joinPath(configValue(config, "strategy_plugins"), filepath.Join(dir, plugin.Strategies)),
		"ANSIBLE_CALLBACKS_ENABLED=" + enabled,
	}
}

func joinPath(first, second string) string {
	if first == "" || second == "" {
		return first + second
	}
	return first + ":" + second
}
