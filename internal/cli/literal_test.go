package cli

import (
	"slices"
	"strings"
	"testing"
)

// The commands that published documents show, and what they have to send.
var literal = map[string]string{
	"cray bos v2 sessions create --template-name T --operation boot":                 `POST /apis/bos/v2/sessions {"operation":"boot","template_name":"T"}`,
	"cray bos v2 sessions create --template-name T --operation reboot --limit x1":    `POST /apis/bos/v2/sessions {"limit":"x1","operation":"reboot","template_name":"T"}`,
	"cray bos v2 sessions create --template-name T --operation Boot":                 `POST /apis/bos/v2/sessions {"operation":"boot","template_name":"T"}`,
	"cray bos v2 sessions create --template-name T --operation reboot --staged True": `POST /apis/bos/v2/sessions {"operation":"reboot","stage":true,"template_name":"T"}`,
	"cray bos sessions create --template-name T --operation shutdown --stage true":   `POST /apis/bos/v2/sessions {"operation":"shutdown","stage":true,"template_name":"T"}`,
	"cray bos v1 session create --template-uuid T --operation Shutdown":              `POST /apis/bos/v1/session {"operation":"Shutdown","templateUuid":"T"}`,
	"cray bos v1 session create --template-uuid T --operation Configure":             `POST /apis/bos/v1/session {"operation":"Configure","templateUuid":"T"}`,
	"cray bos v1 session status list ID":                                             `GET /apis/bos/v1/session/ID/status`,
	"cray bos v1 session list":                                                       `GET /apis/bos/v1/session`,
	"cray bos v2 sessions list --format json":                                        `GET /apis/bos/v2/sessions`,
	"cray bos list": `GET /apis/bos/v2`,
	"cray bos v2 sessions describe ID --format json":                                                   `GET /apis/bos/v2/sessions/ID`,
	"cray bos v2 sessions status list ID":                                                              `GET /apis/bos/v2/sessions/ID/status`,
	"cray bos v2 sessions delete ID":                                                                   `DELETE /apis/bos/v2/sessions/ID`,
	"cray bos v2 sessiontemplatetemplate list --format json":                                           `GET /apis/bos/v2/sessiontemplatetemplate`,
	"cray bos v2 sessiontemplates create --file FILE NAME":                                             `PUT /apis/bos/v2/sessiontemplates/NAME {"a": 1}`,
	"cray bos v2 sessiontemplates create NAME --file FILE --description ignored":                       `PUT /apis/bos/v2/sessiontemplates/NAME {"a": 1}`,
	"cray bos v2 sessiontemplates update NAME --description d":                                         `PATCH /apis/bos/v2/sessiontemplates/NAME {"description":"d"}`,
	"cray bos v2 sessiontemplates list --format json":                                                  `GET /apis/bos/v2/sessiontemplates`,
	"cray bos v2 sessiontemplates describe NAME --format json":                                         `GET /apis/bos/v2/sessiontemplates/NAME`,
	"cray bos v2 sessiontemplates delete NAME":                                                         `DELETE /apis/bos/v2/sessiontemplates/NAME`,
	"cray bos v2 sessiontemplatesvalid describe NAME":                                                  `GET /apis/bos/v2/sessiontemplatesvalid/NAME`,
	"cray bos v2 components describe x1":                                                               `GET /apis/bos/v2/components/x1`,
	"cray bos v2 components list --enabled false --phase powering_on":                                  `GET /apis/bos/v2/components?enabled=false&phase=powering_on`,
	"cray bos v2 components update x1":                                                                 `PATCH /apis/bos/v2/components/x1`,
	"cray bos v2 components update x1 --desired-state-boot-artifacts-kernel k --enabled true":          `PATCH /apis/bos/v2/components/x1 {"desired_state":{"boot_artifacts":{"kernel":"k"}},"enabled":true}`,
	"cray bos v2 components update x1 --clear-staged-state":                                            `PATCH /apis/bos/v2/components/x1 {"staged_state":{"boot_artifacts":{"initrd":"","kernel":"","kernel_parameters":""},"configuration":"","session":""}}`,
	`cray bos v2 components updatemany --filter-ids x1,x2 --patch '{"enabled":true}' --retry-policy 2`: `PATCH /apis/bos/v2/components {"filters":{"ids":"x1,x2"},"patch":{"enabled":true,"retry_policy":2}}`,
	"cray bos v2 applystaged create --xnames x[1-2]":                                                   `POST /apis/bos/v2/applystaged {"xnames":["x1","x2"]}`,
	"cray bos v2 options update --session-limit-required true":                                         `PATCH /apis/bos/v2/options {"session_limit_required":true}`,

	"cray cfs configurations update NAME --file FILE --format json":                                                                    `PUT /apis/cfs/v2/configurations/NAME {"a": 1}`,
	"cray cfs v3 configurations update NAME --file FILE":                                                                               `PUT /apis/cfs/v3/configurations/NAME {"a": 1}`,
	"cray cfs v3 configurations update NAME --file FILE --drop-branches true":                                                          `PUT /apis/cfs/v3/configurations/NAME?drop_branches=true {"a": 1}`,
	"cray cfs v3 configurations update NAME --update-branches":                                                                         `PATCH /apis/cfs/v3/configurations/NAME`,
	"cray cfs v3 components update x1 --enabled true":                                                                                  `PATCH /apis/cfs/v3/components/x1 {"enabled":true}`,
	"cray cfs v3 components update x1 --desired-config NAME":                                                                           `PATCH /apis/cfs/v3/components/x1 {"desired_config":"NAME"}`,
	"cray cfs components update x1 --desired-config NAME --tags a=b,c=":                                                                `PATCH /apis/cfs/v2/components/x1 {"desiredConfig":"NAME","tags":{"a":"b","c":""}}`,
	"cray cfs v3 components update x1 --enabled true --state []":                                                                       `PATCH /apis/cfs/v3/components/x1 {"enabled":true,"state":[]}`,
	"cray cfs v3 components describe x1 --state-details true":                                                                          `GET /apis/cfs/v3/components/x1?state_details=true`,
	"cray cfs v3 components updatemany --filter-enabled false --error-count 0":                                                         `PATCH /apis/cfs/v3/components {"filters":{"enabled":false},"patch":{"error_count":0}}`,
	"cray cfs components updatemany --filter-config-name c --retry-policy 1":                                                           `PATCH /apis/cfs/v2/components {"filters":{"configName":"c"},"patch":{"retryPolicy":1}}`,
	"cray cfs v3 sessions create --name S --configuration-name C --ansible-limit X1,X2":                                                `POST /apis/cfs/v3/sessions {"ansible_limit":"X1,X2","configuration_name":"C","name":"S","target":{"definition":"dynamic","groups":[],"image_map":[]}}`,
	"cray cfs v3 sessions create --name S --configuration-name C --ansible-limit 'Compute:!dev' --configuration-limit 'layer1,layer5'": `POST /apis/cfs/v3/sessions {"ansible_limit":"Compute:!dev","configuration_limit":"layer1,layer5","configuration_name":"C","name":"S","target":{"definition":"dynamic","groups":[],"image_map":[]}}`,
	"cray cfs v3 sessions create --name S --configuration-name C --target-definition image --target-group G I1,I2 --target-group H I3 --target-image-map I1 new --debug-on-failure true": `POST /apis/cfs/v3/sessions {"configuration_name":"C","debug_on_failure":true,"name":"S","target":{"definition":"image","groups":[{"members":["I1","I2"],"name":"G"},{"members":["I3"],"name":"H"}],"image_map":[{"result_name":"new","source_id":"I1"}]}}`,
	"cray cfs sessions create --name S --configuration-name C --tags a=b": `POST /apis/cfs/v2/sessions {"configurationName":"C","name":"S","tags":{"a":"b"},"target":{"definition":"dynamic","groups":[],"image_map":[]}}`,
	"cray cfs v3 sessions describe S --format json":                       `GET /apis/cfs/v3/sessions/S`,
	"cray cfs v3 session describe S":                                      `GET /apis/cfs/v3/sessions/S`,
	"cray cfs v3 sessions delete S":                                       `DELETE /apis/cfs/v3/sessions/S`,
	"cray cfs v3 sessions deleteall":                                      `DELETE /apis/cfs/v3/sessions?status=complete`,
	"cray cfs sessions list --tags bos_session=NAME":                      `GET /apis/cfs/v2/sessions?tags=bos_session%3DNAME`,
	"cray cfs v3 options update --default-playbook site.yml":              "",
	"cray cfs healthz list":                                               `GET /apis/cfs/healthz`,
	"cray cfs list":                                                       `GET /apis/cfs/v2`,

	"cray hsm groups list --format json":                                           `GET /apis/smd/hsm/v2/groups`,
	"cray hsm v2 groups describe G":                                                `GET /apis/smd/hsm/v2/groups/G`,
	"cray hsm groups create --label G --members-ids x1,x2":                         `POST /apis/smd/hsm/v2/groups {"label":"G","members":{"ids":["x1","x2"]}}`,
	"cray hsm groups members delete x1 G":                                          `DELETE /apis/smd/hsm/v2/groups/G/members/x1`,
	"cray hsm groups members create G --id x1":                                     `POST /apis/smd/hsm/v2/groups/G/members {"id":"x1"}`,
	"cray hsm State Components list --type Node --role Management --format json":   `GET /apis/smd/hsm/v2/State/Components?role=Management&type=Node`,
	"cray hsm state components list --type Node":                                   `GET /apis/smd/hsm/v2/State/Components?type=Node`,
	"cray hsm state components describe x1":                                        `GET /apis/smd/hsm/v2/State/Components/x1`,
	"cray hsm locks lock create --role Management --processing-model rigid":        `POST /apis/smd/hsm/v2/locks/lock {"ProcessingModel":"rigid","Role":["Management"]}`,
	"cray hsm locks status create --component-ids X":                               `POST /apis/smd/hsm/v2/locks/status {"ComponentIDs":["X"]}`,
	"cray hsm inventory discover create --xnames x1 --force true":                  `POST /apis/smd/hsm/v2/Inventory/Discover {"force":true,"xnames":["x1"]}`,
	"cray hsm inventory ethernetInterfaces update b42e99dfec47 --description=some": `PATCH /apis/smd/hsm/v2/Inventory/EthernetInterfaces/b42e99dfec47 {"Description":"some"}`,

	"drover hsm subscriptions SCN list": `GET /apis/smd/hsm/v2/Subscriptions/SCN`,
	"drover hsm subscriptions sCN create --subscriber me@host --url http://host/scn --states Ready,Off --enabled true": `POST /apis/smd/hsm/v2/Subscriptions/SCN {"Enabled":true,"States":["Ready","Off"],"Subscriber":"me@host","Url":"http://host/scn"}`,
	"drover hsm subscriptions sCN describe ID": `GET /apis/smd/hsm/v2/Subscriptions/SCN/ID`,
	"drover hsm subscriptions sCN update ID --op add --roles Compute --sub-roles UAN --software-status AdminDown": `PATCH /apis/smd/hsm/v2/Subscriptions/SCN/ID {"Op":"add","Roles":["Compute"],"SoftwareStatus":["AdminDown"],"SubRoles":["UAN"]}`,
	"drover hsm subscriptions sCN replace ID --subscriber me --url http://h/ --states On":                         `PUT /apis/smd/hsm/v2/Subscriptions/SCN/ID {"States":["On"],"Subscriber":"me","Url":"http://h/"}`,
	"drover hsm subscriptions sCN delete ID":                                                                      `DELETE /apis/smd/hsm/v2/Subscriptions/SCN/ID`,
	"drover hsm subscriptions sCN update ID --states On":                                                          "", // without what to do with it
	"drover hsm subscriptions sCN create --states On":                                                             "", // without who and where

	"cray power transition on --xnames x[1000-1001]c[0-1]":                            `POST /apis/power-control/v1/transitions {"location":[{"xname":"x1000c0"},{"xname":"x1000c1"},{"xname":"x1001c0"},{"xname":"x1001c1"}],"operation":"on"}`,
	"cray power transition reinit --xnames x1 --xnames x1":                            `POST /apis/power-control/v1/transitions {"location":[{"xname":"x1"}],"operation":"init"}`,
	"cray power transition describe T":                                                `GET /apis/power-control/v1/transitions/T`,
	"cray power transition delete T":                                                  `DELETE /apis/power-control/v1/transitions/T`,
	"cray power status list --xnames x[1-2] --powerfilter on":                         `GET /apis/power-control/v1/power-status?powerStateFilter=on&xname=x1&xname=x2`,
	"cray power status describe x1":                                                   `GET /apis/power-control/v1/power-status?xname=x1`,
	"cray power cap snapshot --xnames x[1-2]":                                         `POST /apis/power-control/v1/power-cap/snapshot {"xnames":["x1","x2"]}`,
	"cray power cap set --xnames x1000c0s2b[0-1]n0 --control 'Node Power Limit' 1500": `PATCH /apis/power-control/v1/power-cap {"components":[{"controls":[{"name":"Node Power Limit","value":1500}],"xname":"x1000c0s2b0n0"},{"controls":[{"name":"Node Power Limit","value":1500}],"xname":"x1000c0s2b1n0"}]}`,

	"cray capmc xname_off create --xnames x1000c0s[0-1]b0n0 --force true --reason maintenance":          `POST /apis/capmc/capmc/v1/xname_off {"force":true,"reason":"maintenance","xnames":["x1000c0s0b0n0","x1000c0s1b0n0"]}`,
	"cray capmc xname_on create --xnames x1000c0s0 --recursive true --continue true":                    `POST /apis/capmc/capmc/v1/xname_on {"continue":true,"recursive":true,"xnames":["x1000c0s0"]}`,
	"cray capmc v1 xname_reinit create --xnames x1000c0s0b0n0":                                          `POST /apis/capmc/capmc/v1/xname_reinit {"xnames":["x1000c0s0b0n0"]}`,
	"cray capmc get_xname_status create --xnames x1000c0s0b0n0 --filter 'show_on|show_off'":             `POST /apis/capmc/capmc/v1/get_xname_status {"filter":"show_on|show_off","xnames":["x1000c0s0b0n0"]}`,
	"cray capmc get_xname_status create":                                                                `POST /apis/capmc/capmc/v1/get_xname_status`,
	"cray capmc get_power_cap create --nids [1-3,7]":                                                    `POST /apis/capmc/capmc/v1/get_power_cap {"nids":[1,2,3,7]}`,
	"cray capmc get_power_cap_capabilities create --nids 1":                                             `POST /apis/capmc/capmc/v1/get_power_cap_capabilities {"nids":[1]}`,
	"cray capmc set_power_cap create --nids [1-2] --control 'Node Power Limit' 410 --control accel 220": `POST /apis/capmc/capmc/v1/set_power_cap {"nids":[{"controls":[{"name":"Node Power Limit","val":410},{"name":"accel","val":220}],"nid":1},{"controls":[{"name":"Node Power Limit","val":410},{"name":"accel","val":220}],"nid":2}]}`,
	"cray capmc set_power_cap create --nids 1,2 --node 225 --format json":                               `POST /apis/capmc/capmc/v1/set_power_cap {"nids":[{"controls":[{"name":"node","val":225}],"nid":1},{"controls":[{"name":"node","val":225}],"nid":2}]}`,
	"cray capmc set_power_cap create --nids 1 --node 0":                                                 `POST /apis/capmc/capmc/v1/set_power_cap {"nids":[{"controls":[{"name":"node","val":0}],"nid":1}]}`,
	"cray capmc set_power_cap create --nids 1 --accel 200 --node 400":                                   `POST /apis/capmc/capmc/v1/set_power_cap {"nids":[{"controls":[{"name":"node","val":400},{"name":"accel","val":200}],"nid":1}]}`,
	"cray capmc set_power_cap create --nids 1":                                                          "", // without what to set
	"cray capmc get_nid_map create --nids 100[0-1]":                                                     `POST /apis/capmc/capmc/v1/get_nid_map {"nids":[1000,1001]}`,
	"cray capmc xname_on create --xnames x1000c0s0 --prereq true":                                       `POST /apis/capmc/capmc/v1/xname_on {"prereq":true,"xnames":["x1000c0s0"]}`,
	"cray capmc node_off create --nids 1,2":                                                             `POST /apis/capmc/capmc/v1/node_off {"nids":[1,2]}`,
	"cray capmc health list":                                                                            `GET /apis/capmc/capmc/v1/health`,

	"cray bos v1 sessiontemplate create --file FILE --name T":                                              `POST /apis/bos/v1/sessiontemplate {"a":1,"name":"T"}`,
	"cray bos v1 sessiontemplate create --file FILE":                                                       `POST /apis/bos/v1/sessiontemplate {"a": 1}`,
	"cray hsm sysinfo powermaps create --file FILE":                                                        `POST /apis/smd/hsm/v2/sysinfo/powermaps {"a": 1}`,
	"cray hsm inventory hardware query describe x1 --format json --layout FullyFlat":                       `GET /apis/smd/hsm/v2/Inventory/Hardware/Query/x1?format=FullyFlat`,
	"cray ims images list --format json":                                                                   `GET /apis/ims/v3/images`,
	"cray ims images update ID --metadata-operation set --metadata-key sbps-project --metadata-value true": `PATCH /apis/ims/v3/images/ID {"metadata":{"key":"sbps-project","operation":"set","value":"true"}}`,
	"cray ims public-keys create --name k --public-key FILE":                                               `POST /apis/ims/v3/public-keys {"name":"k","public_key":"{\"a\": 1}"}`,
	"cray ims deleted images list":                                                                         `GET /apis/ims/v3/deleted/images`,
	"cray bss bootparameters list --hosts HOST":                                                            `GET /apis/bss/boot/v1/bootparameters {"hosts":["HOST"]}`,
	"cray bss bootparameters list --name x1":                                                               `GET /apis/bss/boot/v1/bootparameters?name=x1`,
	"cray bss bootparameters replace --hosts x[1-2] --kernel k --params quiet":                             `PUT /apis/bss/boot/v1/bootparameters {"hosts":["x1","x2"],"kernel":"k","params":"quiet"}`,
	"cray bss bootparameters delete --hosts x1":                                                            `DELETE /apis/bss/boot/v1/bootparameters {"hosts":["x1"]}`,
	"cray bss bootscript list --nid 1":                                                                     `GET /apis/bss/boot/v1/bootscript?nid=1`,
}

func TestLiteralCommands(t *testing.T) {
	b := newBench(t)
	file := b.file("f.json", `{"a": 1}`)
	for line, want := range literal {
		words := typed(line)
		if i := slices.Index(words, "FILE"); i >= 0 {
			words[i] = file
		}
		code, _, stderr := b.run(words...)
		got := strings.Join(withoutLookups(b.calls), "\n")
		if want == "" && code == 2 && got == "" {
			continue // a read-only property has no option, a required one is missing
		}
		if code != 0 || got != want {
			t.Errorf("%s: exit %d %s\n got %s\nwant %s", line, code, stderr, got, want)
		}
	}
}

// withoutLookups are the calls without those that check names of nodes, which
// go before another.
func withoutLookups(calls []string) []string {
	if len(calls) < 2 {
		return calls
	}
	return slices.DeleteFunc(slices.Clone(calls), func(c string) bool {
		return slices.Contains([]string{"GET /apis/smd/hsm/v2/State/Components?type=Node", "GET /apis/smd/hsm/v2/groups", "GET /apis/smd/hsm/v2/partitions"}, c)
	})
}

func TestMembersFile(t *testing.T) {
	b := newBench(t)
	b.run("cray", "hsm", "groups", "create", "--label", "g", "--members-ids", "x9", "--members-file", b.file("m", "x1, x2\nx3\n"))
	if want := `POST /apis/smd/hsm/v2/groups {"label":"g","members":{"ids":["x1","x2","x3"]}}`; !slices.Equal(b.calls, []string{want}) {
		t.Errorf("calls %q, want %s", b.calls, want)
	}
}

// Power transitions ask HSM for relatives.
func TestIncludeChildren(t *testing.T) {
	b := newBench(t)
	b.answer = answer(`{"Components": [{"ID": "x1c0s0b1n0"}, {"ID": "x1c0s0b0n0"}]}`)
	b.run(typed("cray power transition off --xnames x1c0s0 --include children")...)
	want := []string{"GET /apis/smd/hsm/v2/State/Components/Query/x1c0s0?enabled=true&type=Node",
		`POST /apis/power-control/v1/transitions {"location":[{"xname":"x1c0s0"},{"xname":"x1c0s0b0n0"},{"xname":"x1c0s0b1n0"}],"operation":"off"}`}
	if !slices.Equal(b.calls, want) {
		t.Errorf("calls\n%s\nwant\n%s", strings.Join(b.calls, "\n"), strings.Join(want, "\n"))
	}
}
