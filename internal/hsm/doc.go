// Package hsm is the Hardware State Manager: which components there are, what
// state they are in, how they are grouped and locked, and how to reach their
// controllers. It holds the embedded service and the client of it or of a real
// one.
//
//	POST RedfishEndpoints, Discover ─► hsm_redfish_endpoints (DiscoveryStarted)
//	                                          │
//	             discovery: walkers ─► batches of findings, one transaction each
//	                                          ▼
//	hsm_components   hsm_component_endpoints   hsm_ethernet_interfaces
//	      ▲      │                     hsm_hardware (places with their parts), hsm_service_endpoints
//	      │      └─► announce ─► hsm_notifications ─► notifier ─► subscribers
//	PATCH StateData, Role, NID, ... ── state machine (state.go)
//
// An endpoint in status DiscoveryStarted is the durable request to discover
// it: a restarted service resumes them. Discovery owns what hardware says
// (Arch, Class, actions, MACs) and leaves alone what people set: Role, SubRole,
// NID, Enabled, IP addresses.
package hsm
