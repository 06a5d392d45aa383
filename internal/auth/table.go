package auth

const (
	get    = "GET"
	post   = "POST"
	change = "POST PUT PATCH DELETE"
)

var (
	all      = []Kind{Session, Agent}
	sessions = []Kind{Session}
	agents   = []Kind{Agent}
	clones   = []Kind{Session, Git}
	networks = []Kind{Network}
)

// Table is the one list of who may do what: everything that the server answers
// is in it.
var Table = []Rule{
	{Methods: get, Path: "/livez", Right: Open},
	{Methods: get, Path: "/readyz", Right: Open},
	{Methods: post, Path: "/keycloak/realms/{realm}/protocol/openid-connect/token", Right: Open},
	{Methods: get, Path: "/metrics", Right: Read},
	{Methods: get, Path: "/{$}", Right: Read},
	{Methods: get, Path: "/hosts", Right: Read},
	{Methods: get, Path: "/nodes/**", Right: Read},
	{Methods: get, Path: "/sessions/**", Right: Read},
	{Methods: get, Path: "/configurations", Right: Read},
	{Methods: get, Path: "/plans/**", Right: Read},
	// Forms of pages. They do nothing by themselves: each asks a service with what the browser
	// showed, by its rule, which lets it or not, and records that.
	{Methods: post, Path: "/plans", Right: Read},
	{Methods: post, Path: "/plans/{id}/apply", Right: Read},
	{Methods: post, Path: "/sessions/bos/{name}/cancel", Right: Read},
	{Methods: get, Path: "/tenants", Right: Read},
	{Methods: get, Path: "/assets/**", Right: Read},

	{Methods: get, Path: "/apis/bos/**", Right: Read, Jobs: agents},
	{Methods: get, Path: "/apis/bos/v1/healthz", Right: Open},
	{Methods: get, Path: "/apis/bos/v2/healthz", Right: Open},
	{Methods: get, Path: "/apis/bos/v2", Right: Read, Tenant: true},
	{Methods: get, Path: "/apis/bos/v2/version", Right: Read, Tenant: true},
	{Methods: get, Path: "/apis/bos/v2/components/**", Right: Read, Tenant: true},
	{Methods: get, Path: "/apis/bos/v2/sessions/**", Right: Read, Tenant: true},
	{Methods: get, Path: "/apis/bos/v2/sessiontemplates/**", Right: Read, Tenant: true},
	{Methods: get, Path: "/apis/bos/v2/sessiontemplatesvalid/**", Right: Read, Tenant: true},
	{Methods: get, Path: "/apis/bos/v2/sessiontemplatetemplate", Right: Read, Tenant: true},
	{Methods: get, Path: "/apis/bos/v1/session/{id}/log", Right: Read}, // what others wrote
	{Methods: change, Path: "/apis/bos/v1/**", Right: Boot},
	{Methods: "POST PATCH", Path: "/apis/bos/v1/session/{id}/status/**", Right: Boot, Jobs: agents, Own: true, Report: true},
	{Methods: change, Path: "/apis/bos/v2/sessions/**", Right: Boot, Tenant: true},
	{Methods: change, Path: "/apis/bos/v2/sessiontemplates/**", Right: Boot, Tenant: true},
	{Methods: "PUT PATCH", Path: "/apis/bos/v2/components", Right: Boot},
	{Methods: "PUT DELETE", Path: "/apis/bos/v2/components/{id}", Right: Boot},
	{Methods: "PATCH", Path: "/apis/bos/v2/components/{id}", Right: Boot, Node: true, Subject: 1},
	{Methods: post, Path: "/apis/bos/v2/applystaged", Right: Boot, Tenant: true},
	{Methods: "PATCH", Path: "/apis/bos/v2/options", Right: Settings},

	{Methods: get, Path: "/apis/cfs/**", Right: Read, Jobs: all},
	{Methods: get, Path: "/apis/cfs/healthz", Right: Open},
	{Methods: get, Path: "/apis/cfs/{version}/sessions/**", Right: Read}, // what others did, and what they wrote
	{Methods: get, Path: "/apis/cfs/{version}/sessions/{name}", Right: Read, Jobs: sessions, Own: true},
	{Methods: "PUT", Path: "/apis/cfs/{version}/components", Right: Configure},
	{Methods: "PATCH", Path: "/apis/cfs/{version}/components", Right: Configure, Jobs: all, Report: true},
	{Methods: "PUT DELETE", Path: "/apis/cfs/{version}/components/{id}", Right: Configure},
	{Methods: "PATCH", Path: "/apis/cfs/{version}/components/{id}", Right: Configure, Node: true, Subject: 1, Jobs: all, Report: true},
	{Methods: change, Path: "/apis/cfs/{version}/configurations/**", Right: Configure},
	{Methods: change, Path: "/apis/cfs/{version}/sessions/**", Right: Configure},
	{Methods: "PATCH", Path: "/apis/cfs/{version}/sessions/{name}", Right: Configure, Jobs: sessions, Own: true, Report: true},
	{Methods: change, Path: "/apis/cfs/{version}/sources/**", Right: Settings},
	{Methods: "PATCH", Path: "/apis/cfs/{version}/options", Right: Settings},

	{Methods: get, Path: "/apis/smd/hsm/v2/**", Right: Read, Jobs: all},
	{Methods: get, Path: "/apis/smd/hsm/v2/service/liveness", Right: Open},
	{Methods: get, Path: "/apis/smd/hsm/v2/service/ready", Right: Open},
	{Methods: change, Path: "/apis/smd/hsm/v2/**", Right: Inventory},
	{Methods: "POST", Path: "/apis/smd/hsm/v2/Inventory/EthernetInterfaces", Right: Inventory, Jobs: networks, Report: true},
	{Methods: "PATCH", Path: "/apis/smd/hsm/v2/Inventory/EthernetInterfaces/{mac}", Right: Inventory, Jobs: networks, Report: true},
	{Methods: post, Path: "/apis/smd/hsm/v2/State/Components/Query", Right: Read, Jobs: all},
	{Methods: post, Path: "/apis/smd/hsm/v2/State/Components/ByNID/Query", Right: Read, Jobs: all},
	{Methods: post, Path: "/apis/smd/hsm/v2/locks/status", Right: Read, Jobs: all},
	{Methods: "PATCH", Path: "/apis/smd/hsm/v2/State/Components/{xname}/StateData", Right: Inventory, Node: true, Subject: 2},

	{Methods: get, Path: "/apis/power-control/**", Right: Read},
	{Methods: get, Path: "/apis/power-control/v1/liveness", Right: Open},
	{Methods: get, Path: "/apis/power-control/v1/readiness", Right: Open},
	{Methods: get, Path: "/apis/power-control/v1/health", Right: Open},
	{Methods: post, Path: "/apis/power-control/v1/power-status", Right: Read},
	{Methods: post, Path: "/apis/power-control/v1/power-cap/snapshot", Right: Read},
	{Methods: "PATCH", Path: "/apis/power-control/v1/power-cap", Right: Power},
	{Methods: post, Path: "/apis/power-control/v1/transitions", Right: Power},
	{Methods: "DELETE", Path: "/apis/power-control/v1/transitions/{id}", Right: Power},

	{Methods: get, Path: "/apis/capmc/**", Right: Read, Jobs: agents},
	{Methods: get, Path: "/apis/capmc/capmc/v1/liveness", Right: Open},
	{Methods: get, Path: "/apis/capmc/capmc/v1/readiness", Right: Open},
	{Methods: get, Path: "/apis/capmc/capmc/v1/health", Right: Open},
	{Methods: post, Path: "/apis/capmc/capmc/v1/{action}", Right: Power},
	{Methods: post, Path: "/apis/capmc/capmc/v1/xname_on", Right: Power, Jobs: agents},
	{Methods: post, Path: "/apis/capmc/capmc/v1/xname_off", Right: Power, Jobs: agents},
	{Methods: post, Path: "/apis/capmc/capmc/v1/get_nid_map", Right: Read},
	{Methods: post, Path: "/apis/capmc/capmc/v1/get_node_status", Right: Read},
	{Methods: post, Path: "/apis/capmc/capmc/v1/node_status", Right: Read},
	{Methods: post, Path: "/apis/capmc/capmc/v1/get_xname_status", Right: Read, Jobs: agents},
	{Methods: post, Path: "/apis/capmc/capmc/v1/get_power_cap", Right: Read},
	{Methods: post, Path: "/apis/capmc/capmc/v1/get_power_cap_capabilities", Right: Read},

	{Methods: get, Path: "/apis/bss/**", Right: Read},
	{Methods: get, Path: "/apis/bss/boot/v1/service/**", Right: Open},
	// Boot parameters hold what cloud-init gives to nodes, secrets among it.
	{Methods: get, Path: "/apis/bss/boot/v1/bootparameters", Right: Boot, Jobs: agents, Secret: true},
	{Methods: get, Path: "/apis/bss/boot/v1/dumpstate", Right: Boot, Secret: true},
	{Methods: "POST PATCH DELETE", Path: "/apis/bss/boot/v1/bootparameters", Right: Boot},
	{Methods: "PUT", Path: "/apis/bss/boot/v1/bootparameters", Right: Boot, Jobs: agents},
	{Methods: post, Path: "/apis/bss/boot/v1/hosts", Right: Settings},
	{Methods: get, Path: "/apis/bss/boot/v1/bootscript", Right: Boot, Node: true, Secret: true},
	{Methods: get, Path: "/apis/bss/meta-data", Right: Boot, Node: true, Secret: true},
	{Methods: get, Path: "/apis/bss/user-data", Right: Boot, Node: true, Secret: true},
	{Methods: post, Path: "/apis/bss/phone-home", Right: Boot, Node: true},

	{Methods: get, Path: "/apis/ims/**", Right: Read, Jobs: sessions},
	{Methods: get, Path: "/apis/ims/healthz/**", Right: Open},
	{Methods: change, Path: "/apis/ims/**", Right: Images},
	// Sessions have jobs of IMS change images, and see to their own.
	{Methods: post, Path: "/apis/ims/v3/public-keys", Right: Images, Jobs: sessions},
	{Methods: "DELETE", Path: "/apis/ims/v3/public-keys/{id}", Right: Images, Jobs: sessions},
	{Methods: post, Path: "/apis/ims/v3/jobs", Right: Images, Jobs: sessions},
	{Methods: "DELETE", Path: "/apis/ims/v3/jobs/{id}", Right: Images, Jobs: sessions},
	{Methods: "POST DELETE", Path: "/apis/ims/remote-build-nodes/**", Right: Settings},
	{Methods: "POST DELETE", Path: "/apis/ims/v3/remote-build-nodes/**", Right: Settings},
	{Methods: "PUT", Path: "/apis/sts/token", Right: Images},

	{Methods: get, Path: "/apis/tapms/**", Right: Read},
	{Methods: change, Path: "/apis/tapms/**", Right: Settings},

	{Methods: get, Path: "/apis/drover/**", Right: Read},
	{Methods: post, Path: "/apis/drover/v1/bmc-events/{bmc}/{token}", Right: Open, Node: true}, // the token is a BMC's
	{Methods: get, Path: "/apis/drover/v1/nodes", Right: Read, Tenant: true},
	{Methods: get, Path: "/apis/drover/v1/nodes/events", Right: Read, Tenant: true},
	{Methods: get, Path: "/apis/drover/v1/whoami", Right: Read, Tenant: true},
	{Methods: get, Path: "/apis/drover/v1/can-i", Right: Read, Tenant: true},
	{Methods: post, Path: "/apis/drover/v1/sessions", Right: Boot, Tenant: true},
	{Methods: post, Path: "/apis/drover/v1/sessions/{name}/cancel", Right: Boot, Tenant: true},
	{Methods: post, Path: "/apis/drover/v1/configurations/{name}", Right: Configure},
	{Methods: get, Path: "/apis/drover/v1/plans/{id}", Right: Read, Tenant: true},
	{Methods: post, Path: "/apis/drover/v1/plans/{id}/apply", Right: Boot, Tenant: true},
	{Methods: get, Path: "/apis/drover/v1/tokens", Right: Settings},
	{Methods: get, Path: "/apis/drover/v1/audit/**", Right: Audit},
	{Methods: "POST DELETE", Path: "/apis/drover/v1/tokens/**", Right: Settings},
	{Methods: "DELETE", Path: "/apis/drover/v1/session-events/set-aside", Right: Settings},
	{Methods: "POST DELETE", Path: "/apis/drover/v1/vcs/**", Right: Configure},
	{Methods: change, Path: "/apis/drover/v1/sim/**", Right: Settings},
	// Pods of Kubernetes report with a word of their own job, which is asked for there.
	{Methods: "PUT PATCH DELETE", Path: "/apis/drover/v1/jobs/{job}/files/{name...}", Right: Open},

	{Methods: get, Path: "/vcs/**", Right: Read, Jobs: clones},
	{Methods: post, Path: "/vcs/{org}/{repo}/git-upload-pack", Right: Read, Jobs: clones},
	{Methods: post, Path: "/vcs/{org}/{repo}/git-receive-pack", Right: Configure},
	{Methods: post, Path: "/vcs/{org}/{repo}/info/lfs/{below...}", Right: Configure, Jobs: clones, Report: true},
}
