package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"
	"gopkg.in/yaml.v3"

	"github.com/drover-hpc/drover/internal/fault"
)

// section is the one of the configuration file that is no flag.
const section = "virtual"

// keyOf is the flag's key in the configuration file.
func keyOf(flag string) string {
	if flag == section {
		return section + ".nodes"
	}
	if rest, ok := strings.CutPrefix(flag, section+"-"); ok {
		return section + "." + rest
	}
	return flag
}

func refuseUnknown(v *viper.Viper, cmd *cobra.Command, file string) error {
	known := map[string]bool{}
	cmd.Flags().VisitAll(func(f *pflag.Flag) { known[keyOf(f.Name)] = true })
	for _, key := range v.AllKeys() {
		switch {
		case key == section:
			return fault.New(fault.Invalid, "configuration file %s: %s is a section: expected %s: {nodes: N}", file, section, section)
		case !known[key]:
			return fault.New(fault.Invalid, "configuration file %s: unknown key %q (see `drover serve --help` for the names)", file, key)
		}
	}
	return nil
}

// installed is the data directory of a server that a package installs: the
// only key of its configuration file that has a value.
const installed = "/var/lib/drover"

// firstKeys are those that a site looks at first. A package's file has these
// alone: dpkg and rpm ask about a file that both the site and a new version
// changed, and the list of all keys changes often.
var firstKeys = []string{"listen", "node-listen", "s3-listen", "node-s3-listen", "advertise", "s3-advertise", "hosts", "data", "secret-key", "database", "peer-url",
	"tls-cert", "tls-key", "node-tls-cert", "node-tls-key", "ca-bundle", "bmc-certificates", "oidc-issuer",
	"hsm-url", "pcs-url", "bss-url", "ims-url", "s3-endpoint", "ssh-port", "ansible-config-dir", "cage-folders", "vcs-hosts", "log-level"}

const fileHead = `# Configuration of the server: drover serve --config FILE
#
# Each key is a flag of drover serve (see drover-serve(1)) and, as DROVER_ and its name, a variable of the environment
# (DROVER_S3_LISTEN for s3-listen). The flag goes before the variable, the variable before this file. Behind a # stands what
# counts if nothing is said. A key that there is not is refused.
`

const firstHead = `#
# To serve a cluster, say at least listen, node-listen and s3-listen: at loopback no node reaches this machine. These are
# the keys that most sites need; /usr/share/doc/drover/examples/drover.yaml has all.
`

// ConfigurationFile is a configuration file of `drover serve` as YAML: flags
// as keys behind a #, with their defaults and what they are for. It sets the data
// directory alone. Without all it has the keys that a site looks at first.
func ConfigurationFile(all bool) ([]byte, error) {
	flags := Command().Flags()
	flags.SortFlags = false // as they are declared: what belongs together stands together
	var b bytes.Buffer
	b.WriteString(fileHead)
	if !all {
		b.WriteString(firstHead)
	}
	var err error
	inSection := false
	flags.VisitAll(func(f *pflag.Flag) {
		name, nested := strings.CutPrefix(keyOf(f.Name), section+".")
		if f.Hidden || f.Name == "config" || err != nil || !all && !slices.Contains(firstKeys, f.Name) {
			return
		}
		var value string
		if value, err = yamlValue(f); err != nil {
			return
		}
		_, text := pflag.UnquoteUsage(f)
		mark, indent := "#", ""
		switch {
		case f.Name == "data":
			mark, value = "", installed
		case nested:
			indent = "  "
		}
		if nested && !inSection {
			fmt.Fprintf(&b, "\n#%s:\n", section)
		} else if !nested {
			b.WriteByte('\n')
		}
		inSection = nested
		for _, line := range comment(text) {
			fmt.Fprintf(&b, "%s\n", strings.TrimSpace("# "+indent+line))
		}
		fmt.Fprintf(&b, "%s%s%s: %s\n", mark, indent, name, value)
	})
	return b.Bytes(), err
}

// yamlValue is the flag's default as a value of YAML on one line.
func yamlValue(f *pflag.Flag) (string, error) {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		text, err := json.Marshal(append([]string{}, list.GetSlice()...)) // which is YAML too
		return string(text), err
	}
	if f.Value.Type() != "string" {
		return f.DefValue, nil
	}
	text, err := yaml.Marshal(f.DefValue)
	return strings.TrimSpace(string(text)), err
}

// comment breaks a flag's text into lines.
func comment(text string) (lines []string) {
	const width = 116
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return append(lines, line)
}
