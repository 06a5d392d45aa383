package cli

import (
	"strings"
	"testing"
)

// The commands of the published tool, but for those of the services that are
// not there. "a|b" is either word.
const published = `
bos list
bos v2 list
bos version|healthz|options|sessiontemplatetemplate list
bos applystaged create
bos components list|describe|update|updatemany
bos options update
bos sessions create|list|describe|delete
bos sessions status list
bos sessiontemplates list|describe|delete|create|update
bos sessiontemplatesvalid describe
cfs list
cfs versions|healthz list
cfs v2|v3 components list|describe|update|updatemany
cfs v2|v3 configurations list|describe|delete|update
cfs v2|v3 options list|update
cfs v2|v3 sessions create|list|describe|delete|deleteall
cfs v3 sources list|describe|create|update|delete
hsm state components list|describe|delete|clear|create|replace
hsm state components query create|describe
hsm state components byNID describe
hsm state components byNID query create
hsm state components stateData|flagOnly|enabled|softwareStatus|role|nID update
hsm state components bulkStateData|bulkFlagOnly|bulkEnabled|bulkSoftwareStatus|bulkRole|bulkNID update
hsm groups list|describe|create|update|delete
hsm groups labels list
hsm groups members list|create|delete
hsm partitions list|describe|create|update|delete
hsm partitions names list
hsm partitions members list|create|delete
hsm memberships list|describe
hsm locks lock|unlock|disable|repair create
hsm locks status create|list
hsm inventory redfishEndpoints list|describe|delete|create|update|clear
hsm inventory discover create
hsm inventory discoveryStatus list|describe
hsm inventory ethernetInterfaces list|describe|delete|create|update|clear
hsm inventory ethernetInterfaces iPAddresses list|create|update|delete
hsm inventory componentEndpoints list|describe|delete|clear
hsm service ready|liveness list
hsm service values list
hsm service values arch|class|flag|nettype|role|state|subrole|type list
bss bootparameters list|create|replace|update|delete
bss bootscript|dumpstate list
bss hosts list|create
power transition on|off|soft-off|soft-restart|hard-restart|force-off|reinit|list|describe|delete
power status list|describe
power cap snapshot|set|list|describe
ims version list
ims v2|v3 images list|describe|create|update|delete|deleteall
ims recipes list|describe|create|update|delete|deleteall
ims public-keys list|describe|create|delete|deleteall
ims jobs list|create
ims deleted images|recipes|public-keys list|describe|delete|deleteall|update
artifacts buckets list
artifacts list|describe|create|get|delete
config list|use|describe|get|set|unset
auth login
init
`

func TestEveryPublishedCommandHasItsName(t *testing.T) {
	a := newApp(Config{Args0: "cray"})
	for _, line := range strings.Split(strings.TrimSpace(published), "\n") {
		for _, words := range alternatives(strings.Fields(line)) {
			root := a.root(func(module string) bool { return module == words[0] })
			cmd, rest, err := root.Find(words)
			if err != nil || len(rest) > 0 || !cmd.Runnable() || cmd.HasSubCommands() && words[len(words)-1] != "list" {
				t.Errorf("cray %s: no such command (found %s, %v)", strings.Join(words, " "), cmd.CommandPath(), err)
			}
		}
	}
}

// alternatives writes out "a|b".
func alternatives(words []string) [][]string {
	if len(words) == 0 {
		return [][]string{nil}
	}
	var out [][]string
	for _, rest := range alternatives(words[1:]) {
		for _, word := range strings.Split(words[0], "|") {
			out = append(out, append([]string{word}, rest...))
		}
	}
	return out
}
