package contract

import (
	"regexp"
	"strings"
)

// known are the differences from a published interface that are meant or
// known, and why they are. * in a pattern stands for anything.
type known map[string]string

// match is the pattern that a difference is known by, or nothing.
func (k known) match(difference string) string {
	for pattern := range k {
		expr := strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, `.*`)
		if regexp.MustCompile("^" + expr + "$").MatchString(difference) {
			return pattern
		}
	}
	return ""
}

var knownDifferences = map[string]known{
	"BOS": {
		"* /v2/sessiontemplates*: answer*.links missing":             "links are never set",
		"PUT /v2/sessiontemplates/{}: body.links[].* required: *":    "read-only: refused whatever is in it",
		"PATCH /v2/options: answer.* missing":                        "described as an open object, since unknown options are echoed",
		"POST /v2/sessions/{}/status: answer.*":                      "answers the extended status, as the service always did; the file names the session record",
		"PATCH /v2/components: body[].id required: true, here false": "the ID is not required in the other form, where it is ignored; checked by the handler",
		"PUT /v2/components: body[].id required: true, here false":   "checked by the handler",
		"GET /v2/sessions/{}/status: answer.forced_off added":        "extension: whose power was cut, and why",
		"GET /v2/sessions/{}/status: answer.left_out* added":         "extension: who was asked for and is not dealt with, and why",
		"* /v2/components*: answer*.v1_session added":                "extension: the session of version 1 that has the node",
		"* /v2/components*: answer*.status.phase_since added":        "extension: when the phase last changed",
	},
	"BOS v1": {
		"GET /v1/sessiontemplate*: answer*.links missing":       "links are never set",
		"PATCH /v1/session/{}/status/{}: body[].data.* missing": "what is in data follows from update_type; checked by the handler",
		"PATCH /v1/session/{}/status/{}: body[].*":              "the file has one schema for each update_type, of which the comparison sees the last",
		"POST /v1/session: body.operation required: *":          "required in both of the file's schemas",
	},
	"CFS": {
		"* /v3/sessions*: answer*.status.session.waiting added":           "Drover's own, and only while the session's job waits",
		"GET /healthz: answer.kafka_error added":                          "Drover's own, and only while Kafka cannot be used",
		"GET /healthz: answer.events_set_aside added":                     "Drover's own, and only if there are any",
		"GET /healthz: answer.sessions_held added":                        "Drover's own, and only while sessions are held",
		"* /v2/sessions: query * value '' added":                          "being no filter, as in version 3",
		"* /v3/components*: answer*.desired_state[].name added":           "the service answers it, the file forgets it",
		"PATCH /v2/components: body.filters.configurationStatus added":    "the service takes it, the file forgets it",
		"* /v*/components*: answer*.state*ppend missing":                  "state is appended to, never answered",
		"* /v3/components*: answer*.desired_state[].last_updated missing": "what is desired has no time",
		"* /v3/components*: answer*.desired_state[].session_name missing": "what is desired has no session",
		"* /v3/components*: body*.state*.status value 'incomplete' added": "the Ansible plugin reports it",
		"GET /v3/*: answer.next.* added":                                  "next repeats every parameter, as the service always did",
		"* /v3/configurations*: answer*.additional_inventory.* added":     "one type for layers and inventories; never set in an inventory",
		"* /v3/sources*: answer*.credentials.* missing":                   "secrets are never answered",
		"PATCH /v2/sessions/{}: has a body: false, here true":             "the file forgets it",
		"PATCH /v3/sessions/{}: has a body: false, here true":             "the file forgets it",
		"PATCH /v3/components: query count_errors added":                  "extension: the server counts errors, so that none gets lost",
	},
	"HSM": {
		"GET /Inventory/Hardware/Query/{}: answer.*[].* missing":          "described as open objects: each type of hardware has properties of its own",
		"GET /Inventory/Hardware/Query/{}: answer.Format value 'Hier*":    "the parameter knows two formats",
		"*: *HWInventoryByFRUType value 'HW*HSNNIC' *":                    "misspelled in the list of the file, not in its examples",
		"GET /Inventory/Hardware*: *EventType value 'Detected' added":     "a part at a place that was not known before; the file says that there are more",
		"PATCH /State/Components/*: body*.ExtendedInfo missing":           "accepted and ignored",
		"*: answer.code is of type string, here integer":                  "the service answers the number 0",
		"*: answer*.ResourceURI missing":                                  "the service answers URI",
		"*: answer*.URI added":                                            "the service answers URI",
		"*: *.DiscoveryInfo.Last* *":                                      "the service spells them LastDiscoveryAttempt and LastDiscoveryStatus",
		"*: *.CertificateSHA256 added":                                    "by what a controller is known that signed its certificate itself; Drover's own",
		"*: *.DiscoveryInfo.Problems added":                               "what a walk could not read, besides why it failed (LastDiscoveryError); Drover's own",
		"*: *Arch value 'UNKNOWN' added":                                  "the service has it",
		"GET /Inventory/ComponentEndpoints*: answer*.Redfish*Info added":  "in the file one of several alternatives",
		"GET /locks/status: query * is limited to [false true]":           "letter case does not matter",
		"* /locks/status: answer.Components[].Creat*Time *":               "the service spells it CreationTime",
		"POST /locks/*: answer.Failure[].Reason value 'Unlocked' added":   "one list of reasons for all lock calls",
		"POST /locks/*: body.* required: false, here true":                "nothing could be done without it",
		"POST /locks/*reservations*: answers 202, here 200":               "the service answers 200",
		"GET /service/values/*: answer.* added":                           "one type for all; the others are absent in answers",
		"PATCH /State/Components/{}/*: answers 200, here 204":             "updates of components answer 204",
		"PATCH /State/Components/BulkNID: body.Components required: *":    "nothing could be done without it",
		"POST /groups/{}/members: body.id required: false, here true":     "nothing could be done without it",
		"POST /partitions/{}/members: body.id required: false, here true": "nothing could be done without it",
	},
	"PCS": {
		"GET /v1/transitions/{}: answer.tasks[].* added":        "extension: when the BMC accepted, and why a task failed, in a word",
		"GET /v1/transitions: answer.transitions[].tasks added": "one type for one and all; absent in lists",
		"GET /v1/power-cap: answer.tasks[].components added":    "one type for one and all; absent in lists",
	},
	"CAPMC": {
		"GET /health: answer.pcs added":                       "extension: PCS carries everything out",
		"POST /get_power_cap_capabilities: answer.nids added": "extension: which nodes could not be asked, and why",
		"POST /get_xname_status: answer.* added":              "the service has a list for each state, and flags; the file has some of the lists",
	},
	"BSS": {
		"GET /boot/v1/dumpstate: answer.* *":                    "the service answers Components and Params",
		"GET /boot/v1/hosts: answer[].*":                        "a slip of the file: RubeRole for SubRole",
		"GET /boot/v1/service/*: answer.*":                      "one type for all; what is not asked for is absent. error: not connected",
		"GET /user-data: answer is of type object, here string": "YAML, as cloud-init expects",
		"POST /phone-home: body.* missing":                      "whatever cloud-init posts is kept",
	},
	"IMS": {
		"* /v*/jobs*: answer*.error added":                               "extension: why the job failed",
		"* /v*/jobs*: *.job_mem_size added":                              "the service has it, the file forgets it",
		"* /v*/jobs*: *.status value 'packaging_artifacts' added":        "the service has it, the file forgets it",
		"DELETE /v*/jobs: query * is limited to *":                       "the values that there are",
		"* /v*/*recipes*: *.recipe_type value 'drover' added":            "extension: what drover images build builds",
		"* /v*/*recipes*: *.linux_distribution value 'debian12' added":   "extension: the distribution that it builds",
		"DELETE /v2/public-keys*: query cascade added":                   "one type for all kinds; ignored here",
		"GET /v3/deleted/recipes*: answer*.template_dictionary added":    "kept when a recipe is deleted",
		"GET /version: answer is of type string, here object":            "the service answers an object",
		"PATCH /v3/deleted/*: body.operation required: false, here true": "nothing could be done without it",
	},
	"TAPMS": {
		"* /v1alpha3/tenants*: answer*.metadata added":                "tenants are Kubernetes resources, with their name there",
		"* /v1alpha3/tenants*: answer*.spec.state is limited to *":    "the states that there are",
		"GET /v1alpha3/tenants: answer is of type array, here object": "the service answers {items: [...]}, as Kubernetes does",
		"POST /v1alpha3/tenants: body is of type string, here array":  "the service takes an array of xnames",
	},
}

// knownAnswers are the differences between answers and the published schemas.
// They are the published services' own: the files do not say what they answer.
var knownAnswers = map[string]known{
	"BOS": {
		"*: *status.phase_since: not in the schema": "extension: when the phase last changed",
	},
	"PCS": {
		"*: tasks[*].failure: not in the schema": "extension: why a task failed, in one word",
	},
	"CAPMC": {
		"GET /health: pcs: not in the schema":                       "extension: PCS carries everything out",
		"POST /get_power_cap_capabilities: nids: not in the schema": "extension: which nodes could not be asked, and why",
		"POST /get_xname_status: *: not in the schema":              "the service has a list for each state, the file for some",
	},
	"CFS": {
		"*: *target.groups: null":                      "null unless the inventory is given",
		"*: *target.image_map: null":                   "null unless the session makes images",
		"*: *status.session.*: null":                   "null until there is one",
		"*: *desired*tate[*].*pdated: missing":         "what is desired has no time",
		"*: *desired*tate[*].session*ame: missing":     "what is desired has no session",
		"*: *desired_state[*].name: not in the schema": "the service answers it, the file forgets it",
		"*: *desired_state[*].status: * is none of *":  "the layer's own status: unconfigured, pending, configured or failed",
		"GET /v3/configurations: *.playbook: missing":  "v2 layers may leave it out",
	},
	"HSM": {
		"*: code: 0, not of type string*":                             "the service answers the number 0",
		"*: *Redfish*Info: not in the schema":                         "in the file one of several alternatives",
		"GET /Inventory/Hardware*: *Info: not in the sch*":            "in the file one of several alternatives",
		"GET /Inventory/Hardware*: *EventType: Detected is none of *": "a part at a place that was not known before; the file says that there are more",
		"GET /Inventory/HardwareByFRU*: *ype: *NIC is none of *":      "misspelled in the list of the file, not in its examples",
		"GET /Inventory/HardwareByFRU*: *ype: *Nic is none of *":      "a type that the file has elsewhere",
		"PUT /groups/blue/members: answers 204":                       "extension, as OpenCHAMI has it",
		"*: *DiscoveryInfo.Last*":                                     "the service spells them LastDiscoveryAttempt and LastDiscoveryStatus",
		"*: *label: * does not match *":                               "the pattern of the file refuses most names",
		"*: *name: * does not match *":                                "the pattern of the file refuses every partition",
		"GET /service/values: *":                                      "the service has more values than the file",
		"POST /*: *URI: not in the schema":                            "the service answers URI",
		"POST /locks/service/reservations: answers 200":               "the file has 202",
		"POST /locks/*lock: .*: missing":                              "the service answers counts, successes and failures",
	},
	"BSS": {
		"*: *cloud-init.*-data: null": "null without any",
	},
	"IMS": {
		"*: *link: null": "null until there is one",
	},
}
