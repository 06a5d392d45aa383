// Package simulate is `drover simulate`: a simulated fleet as a program of its
// own, beside any installation of the services. It makes its hardware known as
// an administrator would, and from then on does what it is told.
//
//	Introduce: BMCs ─► HSM (RedfishEndpoints), groups ─► HSM
//	BMCs  ◄─ Redfish ── HSM's discovery, PCS
//	nodes ── boot scripts, artifacts, reports ─► gateway, S3
//	control ◄─ curl: faults, counters
package simulate
