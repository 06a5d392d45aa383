package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/job"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/server"
	"github.com/drover-hpc/drover/internal/sim"
)

func TestMain(m *testing.M) {
	sim.ReexecIfChild()
	os.Exit(m.Run())
}

// call is a request, and the status that clients of the published service get.
type call struct {
	method, path, body string
	status             int
}

const (
	commit = "0123456789abcdef0123456789abcdef01234567"
	node   = "x1000c0s0b0n0"
	other  = "x1000c0s1b0n0"
)

// calls are those of the main job and its surroundings, in an order in which
// each finds what it needs.
var calls = map[string][]call{
	"BOS": {
		{"GET", "/", "", 200}, {"GET", "/v2", "", 200}, {"GET", "/v2/version", "", 200}, {"GET", "/v2/healthz", "", 200},
		{"GET", "/v2/sessiontemplatetemplate", "", 200}, {"GET", "/v2/options", "", 200}, {"PATCH", "/v2/options", `{"default_retry_policy":3}`, 200},
		{"PUT", "/v2/sessiontemplates/t", `{"enable_cfs":false,"boot_sets":{"b":{"type":"s3","path":"s3://boot-images/i/manifest.json","node_list":["` + node + `"]}}}`, 200},
		{"GET", "/v2/sessiontemplates", "", 200}, {"GET", "/v2/sessiontemplates/t", "", 200}, {"GET", "/v2/sessiontemplatesvalid/t", "", 200},
		{"PATCH", "/v2/sessiontemplates/t", `{"description":"d"}`, 200},
		{"PUT", "/v2/sessiontemplates/t", `{"name":"t","boot_sets":{}}`, 400}, {"GET", "/v2/sessiontemplates/none", "", 404},
		{"PUT", "/v2/components", `[{"id":"x9c0s0b0n0","enabled":false},{"id":"x9c0s1b0n0"}]`, 200}, {"PUT", "/v2/components/x9c0s2b0n0", `{"enabled":false}`, 200},
		{"PATCH", "/v2/components", `[{"id":"x9c0s0b0n0","error":"e"}]`, 200}, {"PATCH", "/v2/components", `{"patch":{"error":"f"},"filters":{"ids":"x9c0s0b0n0"}}`, 200},
		{"PATCH", "/v2/components/x9c0s0b0n0", `{"actual_state":{"bss_token":"t","boot_artifacts":{"kernel":"k","kernel_parameters":"p","initrd":"i"}}}`, 200},
		{"GET", "/v2/components/x9c0s0b0n0", "", 200}, {"GET", "/v2/components?ids=x9c0s0b0n0,none&enabled=false", "", 200},
		{"GET", "/v2/components?phase=none", "", 400}, {"PATCH", "/v2/components/none", `{"error":""}`, 404},
		{"POST", "/v2/sessions", `{"name":"s","operation":"boot","template_name":"t","limit":"` + node + `"}`, 201},
		{"POST", "/v2/sessions", `{"name":"s","operation":"boot","template_name":"t"}`, 409}, {"POST", "/v2/sessions", `{"operation":"boot","template_name":"none"}`, 400},
		{"POST", "/v2/sessions", `{"operation":"reboot","template_name":"t","stage":true}`, 201},
		{"GET", "/v2/sessions", "", 200}, {"GET", "/v2/sessions/s", "", 200}, {"GET", "/v2/sessions/s/status", "", 200}, {"GET", "/v2/components", "", 200},
		{"GET", "/v2/sessions?status=complete&min_age=1d", "", 200}, {"GET", "/v2/sessions/none", "", 404}, {"GET", "/v2/sessions?min_age=x", "", 400},
		{"POST", "/v2/applystaged", `{"xnames":["x9c0s0b0n0"]}`, 200},
		{"DELETE", "/v2/components/x9c0s2b0n0", "", 204},
	},
	"BOS afterwards": {
		{"GET", "/v2/sessions/s", "", 200}, {"GET", "/v2/sessions/s/status", "", 200}, {"GET", "/v2/components/" + node, "", 200},
		{"DELETE", "/v2/sessions/s", "", 204}, {"DELETE", "/v2/sessions?status=pending", "", 204}, {"DELETE", "/v2/sessiontemplates/t", "", 204},
	},
	"BOS v1": {
		{"GET", "/v1", "", 200}, {"GET", "/v1/version", "", 200}, {"GET", "/v1/healthz", "", 200}, {"GET", "/v1/sessiontemplatetemplate", "", 200},
		{"POST", "/v1/sessiontemplate", `{"name":"old","cfs_url":"u","boot_sets":{"b":{"type":"s3","path":"s3://boot-images/i/manifest.json","node_list":["` + node + `"],"boot_ordinal":1}}}`, 201},
		{"GET", "/v1/sessiontemplate", "", 200}, {"GET", "/v1/sessiontemplate/old", "", 200}, {"GET", "/v1/sessiontemplate/none", "", 404},
		{"POST", "/v1/session", `{"operation":"Shutdown","templateUuid":"none"}`, 404}, {"POST", "/v1/session", `{"operation":"dance","templateName":"old"}`, 400},
		{"POST", "/v1/session", `{"operation":"Shutdown","templateUuid":"old"}`, 201}, {"GET", "/v1/session", "", 200}, {"GET", "/v1/session/none", "", 404},
		{"GET", "/v1/session/none/status", "", 404}, {"DELETE", "/v1/session/none", "", 404}, {"DELETE", "/v1/sessiontemplate/old", "", 204},
	},
	"CFS": {
		{"GET", "/versions", "", 200}, {"GET", "/v2", "", 200}, {"GET", "/v3", "", 200}, {"GET", "/healthz", "", 200},
		{"GET", "/v3/options", "", 200}, {"GET", "/v2/options", "", 200}, {"PATCH", "/v3/options", `{"batch_window":60}`, 200}, {"PATCH", "/v2/options", `{"defaultPlaybook":"site.yml"}`, 200},
		{"POST", "/v3/sources", `{"name":"src","clone_url":"https://git/r.git","credentials":{"username":"u","password":"p"}}`, 201},
		{"GET", "/v3/sources", "", 200}, {"GET", "/v3/sources/src", "", 200}, {"PATCH", "/v3/sources/src", `{"description":"d"}`, 200},
		{"PUT", "/v3/configurations/c", `{"layers":[{"name":"l","clone_url":"https://git/a.git","commit":"` + commit + `","playbook":"site.yml"},{"source":"src","commit":"` + commit + `","playbook":"b.yml"}]}`, 200},
		{"PUT", "/v2/configurations/d", `{"layers":[{"cloneUrl":"https://git/a.git","commit":"` + commit + `"}]}`, 200},
		{"GET", "/v3/configurations", "", 200}, {"GET", "/v3/configurations?limit=1", "", 200}, {"GET", "/v3/configurations/c", "", 200},
		{"GET", "/v2/configurations", "", 200}, {"GET", "/v2/configurations/d", "", 200}, {"PATCH", "/v3/configurations/c", "", 200}, {"PATCH", "/v2/configurations/d", "", 200},
		{"PUT", "/v3/configurations/e", `{"name":"e","layers":[]}`, 400}, {"GET", "/v3/configurations/none", "", 404}, {"DELETE", "/v3/sources/src", "", 400},
		{"PUT", "/v3/components", `[{"id":"x9c0s0b0n0","enabled":false,"desired_config":"c"}]`, 200}, {"PUT", "/v2/components", `[{"id":"x9c0s1b0n0","enabled":false,"desiredConfig":"c"}]`, 200},
		{"PATCH", "/v3/components/x9c0s0b0n0", `{"state_append":{"clone_url":"https://git/a.git","playbook":"site.yml","commit":"` + commit + `","session_name":"s"},"tags":{"a":"b"}}`, 200},
		{"PATCH", "/v2/components/x9c0s1b0n0", `{"stateAppend":{"cloneUrl":"https://git/a.git","playbook":"site.yml","commit":"` + commit + `_failed","sessionName":"s"}}`, 200},
		{"PATCH", "/v3/components", `{"patch":{"retry_policy":1},"filters":{"ids":"x9c0s0b0n0"}}`, 200}, {"PATCH", "/v2/components", `[{"id":"x9c0s1b0n0","errorCount":0}]`, 200},
		{"GET", "/v3/components", "", 200}, {"GET", "/v3/components?limit=1&state_details=true&config_details=true", "", 200}, {"GET", "/v3/components?status=failed,pending", "", 400},
		{"GET", "/v3/components/x9c0s0b0n0?state_details=true&config_details=true", "", 200}, {"GET", "/v2/components?configDetails=true", "", 200}, {"GET", "/v2/components/x9c0s1b0n0?configDetails=true", "", 200},
		{"PATCH", "/v3/components/x9c0s0b0n0", `{"configuration_status":"failed"}`, 400}, {"PATCH", "/v3/components/none", `{"enabled":true}`, 404}, {"GET", "/v3/components/none", "", 404},
		{"POST", "/v3/sessions", `{"name":"s","configuration_name":"c","ansible_limit":"x9c0s0b0n0","tags":{"bos_session":"b"}}`, 201}, {"POST", "/v2/sessions", `{"name":"s2","configurationName":"c"}`, 200},
		{"POST", "/v3/sessions", `{"name":"s","configuration_name":"c"}`, 409}, {"POST", "/v3/sessions", `{"name":"S","configuration_name":"c"}`, 400},
		{"POST", "/v3/sessions", `{"name":"i","configuration_name":"c","target":{"definition":"image","groups":[{"name":"Compute","members":["3fa85f64-5717-4562-b3fc-2c963f66afa6"]}],"image_map":[{"source_id":"3fa85f64-5717-4562-b3fc-2c963f66afa6","result_name":"r"}]}}`, 201},
		{"GET", "/v3/sessions", "", 200}, {"GET", "/v3/sessions?limit=1", "", 200}, {"GET", "/v3/sessions/s", "", 200}, {"GET", "/v2/sessions", "", 200}, {"GET", "/v2/sessions/s", "", 200}, {"GET", "/v3/sessions/none", "", 404},
		{"DELETE", "/v3/configurations/c", "", 400},
	},
	"CFS afterwards": {
		{"GET", "/v3/sessions/s", "", 200}, {"GET", "/v2/sessions/s", "", 200}, {"DELETE", "/v2/sessions/s2", "", 204}, {"DELETE", "/v3/sessions", "", 200}, {"DELETE", "/v2/sessions", "", 204},
		{"DELETE", "/v3/components/x9c0s0b0n0", "", 204}, {"DELETE", "/v2/components/x9c0s1b0n0", "", 204},
		{"DELETE", "/v3/configurations/c", "", 204}, {"DELETE", "/v2/configurations/d", "", 204}, {"DELETE", "/v3/sources/src", "", 204},
	},
	"HSM": {
		{"GET", "/State/Components", "", 200}, {"GET", "/State/Components?type=Node&role=compute", "", 200}, {"GET", "/State/Components/" + node, "", 200}, {"GET", "/State/Components/none", "", 404}, {"GET", "/State/Components?type=wrong", "", 400},
		{"POST", "/State/Components/Query", `{"ComponentIDs":["x1000"],"type":["Node"]}`, 200}, {"GET", "/Inventory/RedfishEndpoints", "", 200}, {"GET", "/Inventory/ComponentEndpoints", "", 200},
		{"GET", "/Inventory/EthernetInterfaces", "", 200}, {"GET", "/Inventory/DiscoveryStatus", "", 200},
		{"POST", "/groups", `{"label":"blue","description":"d","members":{"ids":["` + node + `"]}}`, 201}, {"POST", "/groups", `{"label":"blue"}`, 409}, {"GET", "/groups", "", 200}, {"GET", "/groups/blue", "", 200},
		{"POST", "/groups/blue/members", `{"id":"` + other + `"}`, 201}, {"GET", "/groups/blue/members", "", 200}, {"GET", "/groups/labels", "", 200}, {"DELETE", "/groups/blue/members/" + other, "", 200}, {"GET", "/groups/none", "", 404},
		{"POST", "/partitions", `{"name":"p1","members":{"ids":["` + node + `"]}}`, 201}, {"GET", "/partitions", "", 200}, {"GET", "/partitions/p1", "", 200}, {"GET", "/partitions/names", "", 200}, {"GET", "/memberships", "", 200}, {"GET", "/memberships/" + node, "", 200},
		{"PUT", "/groups/blue/members", `{"ids":["` + other + `"]}`, 204}, {"DELETE", "/partitions/p1", "", 200}, {"DELETE", "/groups/blue", "", 200},
		{"POST", "/locks/lock", `{"ComponentIDs":["` + other + `"]}`, 200}, {"POST", "/locks/status", `{"ComponentIDs":["` + other + `"]}`, 200}, {"GET", "/locks/status?type=Node&locked=True", "", 200}, {"POST", "/locks/unlock", `{"ComponentIDs":["` + other + `"]}`, 200},
		{"POST", "/locks/service/reservations", `{"ComponentIDs":["` + other + `"],"ReservationDuration":1}`, 200},
		{"GET", "/Inventory/RedfishEndpoints?id=foo", "", 400}, {"GET", "/Inventory/EthernetInterfaces?ComponentID=BADID", "", 400}, {"GET", "/Inventory/ComponentEndpoints/foo", "", 400},
		{"GET", "/State/Components?enabled=", "", 400}, {"GET", "/groups?group=", "", 400}, {"POST", "/locks/service/reservations/check", `{"DeputyKeys":[]}`, 400}, {"POST", "/locks/status", `{"ComponentIDs":["x9c0s0b0n0"]}`, 400},
		{"POST", "/Inventory/RedfishEndpoints", `{"ID":"x9c0s0b0","Hostname":"a","FQDN":"b.c"}`, 400},
		{"POST", "/Inventory/RedfishEndpoints", `{"ID":"x9c0s0b0","Systems":[{"uri":"/redfish/v1/Systems/1","uuid":"3fa85f64-5717-4562-b3fc-2c963f66afa6"}],"Managers":[{"uri":"/redfish/v1/Managers/1"}]}`, 201},
		{"GET", "/Inventory/ComponentEndpoints/x9c0s0b0n0", "", 200}, {"GET", "/State/Components/x9c0s0b0", "", 200}, {"DELETE", "/Inventory/RedfishEndpoints/x9c0s0b0", "", 200},
		{"GET", "/Inventory/Hardware", "", 200}, {"GET", "/Inventory/Hardware/" + node, "", 200}, {"GET", "/Inventory/Hardware/x9c0s0b0n0", "", 404}, {"GET", "/Inventory/Hardware?type=foo", "", 400},
		{"GET", "/Inventory/Hardware/Query/" + node, "", 200}, {"GET", "/Inventory/Hardware/Query/s0?format=FullyFlat", "", 200}, {"GET", "/Inventory/HardwareByFRU", "", 200},
		{"GET", "/Inventory/Hardware/History", "", 200}, {"GET", "/Inventory/Hardware/History/" + node, "", 200}, {"GET", "/Inventory/HardwareByFRU/History?eventtype=Added", "", 200},
		{"POST", "/Inventory/Hardware", `{"Hardware":[{"ID":"x9c0s0b0n0h0","HWInventoryByLocationType":"HWInvByLocHSNNIC","PopulatedFRU":{"HWInventoryByFRUType":"HWInvByFRUHSNNIC","HSNNICFRUInfo":{"Manufacturer":"M","SerialNumber":"1"}}}]}`, 200},
		{"GET", "/Inventory/HardwareByFRU/NodeHsnNic.M.1", "", 200}, {"GET", "/Inventory/HardwareByFRU/History/NodeHsnNic.M.1", "", 200}, {"DELETE", "/Inventory/Hardware/x9c0s0b0n0h0", "", 200}, {"DELETE", "/Inventory/HardwareByFRU/NodeHsnNic.M.1", "", 200},
		{"DELETE", "/Inventory/HardwareByFRU/History/NodeHsnNic.M.1", "", 200}, {"DELETE", "/Inventory/Hardware/History/x9c0s0b0n0h0", "", 404},
		{"GET", "/Inventory/ServiceEndpoints", "", 200}, {"GET", "/Inventory/ServiceEndpoints/TaskService", "", 200}, {"GET", "/Inventory/ServiceEndpoints/TaskService/RedfishEndpoints/x9c0s0b0", "", 404},
		{"POST", "/Defaults/NodeMaps", `{"NodeMaps":[{"ID":"x9c0s0b0n0","NID":90,"Role":"Compute","SubRole":"Worker"}]}`, 200}, {"GET", "/Defaults/NodeMaps", "", 200}, {"GET", "/Defaults/NodeMaps/x9c0s0b0n0", "", 200},
		{"PUT", "/Defaults/NodeMaps/x9c0s0b0n0", `{"NID":91}`, 200}, {"POST", "/Defaults/NodeMaps", `{"NodeMaps":[{"ID":"x9c0s1b0n0","NID":91}]}`, 409}, {"DELETE", "/Defaults/NodeMaps/x9c0s0b0n0", "", 200},
		{"POST", "/sysinfo/powermaps", `[{"id":"x9c0s0b0n0","poweredBy":["x9m0p0j1"]}]`, 200}, {"GET", "/sysinfo/powermaps", "", 200}, {"GET", "/sysinfo/powermaps/x9c0s0b0n0", "", 200}, {"PUT", "/sysinfo/powermaps/x9c0s0b0n0", `{"poweredBy":["x9m0p0j2"]}`, 200}, {"DELETE", "/sysinfo/powermaps/x9c0s0b0n0", "", 200},
		{"POST", "/Subscriptions/SCN", `{"Subscriber":"s","Url":"http://127.0.0.1:9/scn","States":["Standby"]}`, 200}, {"POST", "/Subscriptions/SCN", `{"Subscriber":"s"}`, 400}, {"GET", "/Subscriptions/SCN", "", 200}, {"DELETE", "/Subscriptions/SCN", "", 200},
		{"PATCH", "/State/Components/" + other + "/Enabled", `{"Enabled":true}`, 204}, {"GET", "/service/ready", "", 200}, {"GET", "/service/liveness", "", 204}, {"GET", "/service/values", "", 200},
	},
	"PCS": {
		{"GET", "/v1/power-status", "", 200}, {"GET", "/v1/power-status?xname=" + node, "", 200}, {"POST", "/v1/power-status", `{"xname":["` + node + `"]}`, 200}, {"GET", "/v1/power-status?powerStateFilter=warm", "", 400},
		{"POST", "/v1/transitions", `{"operation":"On","location":[{"xname":"` + other + `"}]}`, 200}, {"GET", "/v1/transitions", "", 200}, {"GET", "/v1/transitions/{transitionID}", "", 200},
		{"POST", "/v1/transitions", `{"operation":"On","location":[{"xname":"x9c0s9b0n0"}]}`, 200}, {"GET", "/v1/transitions/{transitionID}", "", 200},
		{"POST", "/v1/power-cap/snapshot", `{"xnames":["` + node + `","x9c0s9b0n0"]}`, 200}, {"GET", "/v1/power-cap/{taskID}", "", 200}, {"GET", "/v1/power-cap", "", 200},
		{"PATCH", "/v1/power-cap", `{"components":[{"xname":"` + node + `","controls":[{"name":"Node Power Limit","value":500}]}]}`, 200}, {"GET", "/v1/power-cap/{taskID}", "", 200},
		{"PATCH", "/v1/power-cap", `{"components":[]}`, 400}, {"GET", "/v1/power-cap/3fa85f64-5717-4562-b3fc-2c963f66afa6", "", 404},
		{"GET", "/v1/transitions/3fa85f64-5717-4562-b3fc-2c963f66afa6", "", 404}, {"POST", "/v1/transitions", `{"operation":"explode"}`, 400}, {"GET", "/v1/liveness", "", 204}, {"GET", "/v1/readiness", "", 204}, {"GET", "/v1/health", "", 200},
	},
	"CAPMC": {
		{"POST", "/get_xname_status", `{}`, 200}, {"POST", "/get_xname_status", `{"filter":"show_on|show_off","source":"hsm","xnames":["` + node + `"]}`, 200},
		{"POST", "/get_xname_status", `{"filter":"show_me"}`, 400}, {"POST", "/get_xname_status", `{"source":"oracle"}`, 400}, {"GET", "/get_xname_status", "", 405},
		{"POST", "/xname_on", `{"xnames":["` + other + `"],"reason":"r"}`, 200}, {"POST", "/xname_reinit", `{"xnames":["` + other + `"],"force":true}`, 200}, {"POST", "/xname_off", `{"xnames":["` + other + `"],"force":true}`, 200},
		{"POST", "/xname_off", `{"xnames":["x1000c0s0b0"]}`, 200}, {"POST", "/xname_on", `{"xnames":["foo"]}`, 400}, {"POST", "/xname_on", `{"xnames":[]}`, 400}, {"POST", "/xname_on", `{`, 400}, {"PATCH", "/xname_on", `{}`, 405},
		{"POST", "/xname_on", `{"xnames":["x9c0s9b0n0"]}`, 400}, {"POST", "/xname_on", `{"xnames":["x9c0s9b0n0"],"continue":true}`, 404},
		{"POST", "/get_power_cap", `{"nids":[]}`, 200}, {"POST", "/get_power_cap", `{"nids":[1,99]}`, 200}, {"POST", "/get_power_cap", `{"nids":[1,1]}`, 400}, {"POST", "/get_power_cap_capabilities", `{"nids":[1]}`, 200},
		{"POST", "/set_power_cap", `{"nids":[{"nid":99,"controls":[{"name":"node","val":400}]}]}`, 200}, {"POST", "/set_power_cap", `{"nids":[]}`, 400},
		{"GET", "/health", "", 200}, {"GET", "/liveness", "", 204}, {"GET", "/readiness", "", 204}, {"POST", "/health", "", 405},
	},
	"BSS": {
		{"PUT", "/boot/v1/bootparameters", `{"hosts":["` + node + `"],"kernel":"http://k","initrd":"http://i","params":"a=b"}`, 200}, {"GET", "/boot/v1/bootparameters", "", 200}, {"GET", "/boot/v1/bootparameters?name=" + node, "", 200},
		{"PATCH", "/boot/v1/bootparameters", `{"hosts":["` + node + `"],"params":"c=d"}`, 200}, {"GET", "/boot/v1/bootscript?name=" + node, "", 200}, {"GET", "/boot/v1/hosts", "", 200}, {"GET", "/boot/v1/endpoint-history", "", 200},
		{"GET", "/boot/v1/bootscript?nid=-1", "", 400}, {"PUT", "/boot/v1/bootparameters", `{"nids":[-5],"kernel":"http://k"}`, 400}, {"GET", "/boot/v1/hosts?name=UNKNOWN", "", 404}, {"GET", "/boot/v1/bootparameters?name=", "", 400},
		{"GET", "/boot/v1/service/status", "", 200}, {"GET", "/boot/v1/service/version", "", 200}, {"DELETE", "/boot/v1/bootparameters", `{"hosts":["` + node + `"]}`, 200},
	},
	"IMS": {
		{"POST", "/v3/images", `{"name":"i","arch":"x86_64","metadata":{"key":"a","value":"b"}}`, 201}, {"GET", "/v3/images", "", 200}, {"GET", "/v3/images/{id}", "", 200}, {"PATCH", "/v3/images/{id}", `{"metadata":{"operation":"set","key":"sbps-project","value":"true"}}`, 200},
		{"GET", "/v3/images/3fa85f64-5717-4562-b3fc-2c963f66afa6", "", 404}, {"DELETE", "/v3/images/{id}", "", 204}, {"GET", "/v3/deleted/images", "", 200},
		{"POST", "/v3/public-keys", `{"name":"k","public_key":"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPgZvS2uX35fmQvxxm2/NOsVraAyFglaGfu8t5vGfiT"}`, 201}, {"GET", "/v3/public-keys", "", 200}, {"POST", "/v3/recipes", `{"name":"r","recipe_type":"kiwi-ng","linux_distribution":"sles15"}`, 201}, {"GET", "/v3/recipes", "", 200},
		{"GET", "/v3/jobs", "", 200}, {"GET", "/v2/jobs", "", 200}, {"GET", "/v3/jobs/3fa85f64-5717-4562-b3fc-2c963f66afa6", "", 404}, {"DELETE", "/v3/jobs?status=error&status=success&age=1d", "", 204},
		{"POST", "/v3/jobs", `{"job_type":"customize","artifact_id":"3fa85f64-5717-4562-b3fc-2c963f66afa6","public_key_id":"3fa85f64-5717-4562-b3fc-2c963f66afa6","image_root_archive_name":"n"}`, 400},
		{"DELETE", "/v3/jobs/3fa85f64-5717-4562-b3fc-2c963f66afa6", "", 404}, {"PATCH", "/v3/jobs/3fa85f64-5717-4562-b3fc-2c963f66afa6", `{"status":"error"}`, 404}, {"DELETE", "/v3/jobs?age=old", "", 400},
		{"POST", "/v3/remote-build-nodes", `{"xname":"x3000c1s10b1n0"}`, 201}, {"GET", "/v3/remote-build-nodes", "", 200}, {"GET", "/v3/remote-build-nodes/x3000c1s10b1n0", "", 200},
		{"GET", "/v3/remote-build-nodes/status", "", 200}, {"GET", "/v3/remote-build-nodes/status/x3000c1s10b1n0", "", 200},
		{"DELETE", "/v3/remote-build-nodes/x3000c1s10b1n0", "", 204}, {"GET", "/v3/remote-build-nodes/x3000c1s10b1n0", "", 404}, {"DELETE", "/v3/remote-build-nodes", "", 204},
		{"GET", "/healthz/ready", "", 200}, {"GET", "/healthz/live", "", 200},
	},
	"TAPMS": {{"GET", "/v1alpha3/tenants/none", "", 404}, {"POST", "/v1alpha3/tenants", `["` + node + `"]`, 200}},
}

// succeeds runs every job at once.
type succeeds struct{}

func (succeeds) Start(context.Context, cfs.Job) error { return nil }
func (succeeds) State(context.Context, string) (cfs.JobState, error) {
	return cfs.JobState{Phase: job.Succeeded, Started: time.Now(), Ended: time.Now()}, nil
}
func (succeeds) Stop(context.Context, string) error { return nil }
func (succeeds) Changed() <-chan string             { return nil }

// Answers of a running server have the published statuses and schemas.
func TestAnswersAsPublished(t *testing.T) {
	specs(t)
	t.Chdir(".") // back at the end: the object store moves into its directory
	s, err := server.Start(t.Context(), server.Config{Listen: "127.0.0.1:0", S3Listen: "127.0.0.1:0", Data: t.TempDir(),
		SSHPort: 22, MaxSessions: 2, PollPower: time.Second, Simulate: 2, SimBootDelay: time.Millisecond}, server.Options{Executor: succeeds{}, Agent: []string{"true"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	upload(t, s)
	c := &client{t: t, base: s.URL(), used: map[string]bool{}}
	c.until("nodes are discovered", "/apis/smd/hsm/v2/State/Components?type=Node", func(o object) bool {
		list, _ := o["Components"].([]any)
		return len(list) == 2
	})
	for _, service := range services {
		t.Run(service.name, func(t *testing.T) {
			c.t, c.service, c.document = t, service, published(t, service.file)
			c.run(calls[service.name])
			if service.name == "BOS" {
				c.until("session is over", "/apis/bos/v2/sessions/s", func(o object) bool { return o["status"].(object)["status"] == "complete" })
			}
			if service.name == "CFS" {
				c.until("session is over", "/apis/cfs/v2/sessions/s", func(o object) bool {
					return o["status"].(object)["session"].(object)["status"] == "complete"
				})
			}
			c.run(calls[service.name+" afterwards"])
			for pattern := range knownAnswers[service.name] {
				if !c.used[service.name+" "+pattern] {
					t.Errorf("no difference any more: %s", pattern)
				}
			}
		})
	}
}

// upload makes a bootable image.
func upload(t *testing.T, s *server.Server) {
	t.Helper()
	put := func(name, text string) string {
		o, err := s.Objects().Put(t.Context(), "s3://boot-images/i/"+name, strings.NewReader(text), int64(len(text)), "application/octet-stream")
		if err != nil {
			t.Fatal(err)
		}
		return o.ETag
	}
	var artifacts []string
	for kind, name := range map[string]string{"kernel": "kernel", "initrd": "initrd", "rootfs.squashfs": "rootfs"} {
		artifacts = append(artifacts, fmt.Sprintf(`{"type":"application/vnd.cray.image.%s","link":{"type":"s3","path":"s3://boot-images/i/%s","etag":"%s"}}`,
			kind, name, put(name, name)))
	}
	put("manifest.json", `{"version":"1.0","artifacts":[`+strings.Join(artifacts, ",")+`]}`)
}

// client makes the calls to one service.
type client struct {
	t        *testing.T
	base     string
	service  service
	document document
	last     object          // the newest answer with an ID, for later paths
	used     map[string]bool // known differences that there are
}

func (c *client) run(list []call) {
	for _, call := range list {
		path := regexp.MustCompile(`\{(\w+)\}`).ReplaceAllStringFunc(call.path, func(p string) string { return fmt.Sprint(c.last[p[1:len(p)-1]]) })
		status, media, text := c.ask(call.method, c.service.prefix+path, call.body)
		at := call.method + " " + call.path + " " + call.body
		if status != call.status {
			c.t.Errorf("%s: %d, want %d: %s", at, status, call.status, text)
			continue
		}
		schema, declared := c.schema(call.method, call.path, status)
		if what := fmt.Sprintf("%s %s: answers %d", call.method, call.path, status); !declared && status < 400 && !c.known(what) {
			c.t.Errorf("%s is not published", what)
		}
		if status >= 400 {
			plain := c.service.name == "CAPMC" || status == 404 && (call.path == "/v1/session" || strings.HasPrefix(call.path, "/v1/session/")) // their own form
			if want := map[bool]string{true: "application/json", false: "application/problem+json"}[plain]; media != want {
				c.t.Errorf("%s: %d as %s: %s", at, status, media, text)
			}
			continue
		}
		var v any
		if json.Unmarshal(text, &v) != nil {
			continue // a boot script, or nothing
		}
		if o, ok := v.(object); ok && (o["id"] != nil || o["transitionID"] != nil || o["taskID"] != nil) {
			c.last = o
		}
		for _, violation := range c.document.violations(schema, v, "") {
			if what := call.method + " " + call.path + ": " + violation; !c.known(what) {
				c.t.Error(what)
			}
		}
	}
}

func (c *client) known(what string) bool {
	pattern := knownAnswers[c.service.name].match(what)
	c.used[c.service.name+" "+pattern] = true
	return pattern != ""
}

// schema is that of the answer, and whether there is one. A path without
// parameters goes before one with.
func (c *client) schema(method, path string, status int) (object, bool) {
	path, _, _ = strings.Cut(path, "?")
	operations := c.document.operations(c.service.version)
	op, ok := operations[method+" "+path]
	for at, candidate := range operations {
		if ok {
			break
		}
		pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(at), `\{\}`, `[^/]+`) + "$"
		if regexp.MustCompile(pattern).MatchString(method + " " + path) {
			op, ok = candidate, true
		}
	}
	s, ok := op.answers[fmt.Sprint(status)]
	return s, ok
}

func (c *client) ask(method, path, body string) (status int, media string, text []byte) {
	c.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = bytes.NewBufferString(body)
	}
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, reader)
	if err != nil {
		c.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err = io.ReadAll(resp.Body); err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), text
}

// until asks until the answer is as wanted.
func (c *client) until(what, path string, is func(object) bool) {
	c.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for {
		_, _, text := c.ask(http.MethodGet, path, "")
		var o object
		if json.Unmarshal(text, &o) == nil && is(o) {
			return
		}
		select {
		case <-late:
			c.t.Fatalf("not within a minute: %s: %s", what, text)
		case <-tick.C:
		}
	}
}
