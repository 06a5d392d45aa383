// Package cfs is the Configuration Framework Service: what should be configured
// on which node, and the record of what was.
//
//	configuration ─► layers: repository, commit, playbook
//	component     ─► one node: desired configuration, state of each layer, error count
//	session       ─► one run of layers on some nodes
//	source        ─► a repository with credentials
//	options       ─► one document of settings
//
//	hwsync ──creates──► components ◄──patches── BOS, nodes, the Ansible plugin
//	                        │ pending and enabled
//	                     batcher ──creates──► sessions ──event──► operator ──► Executor (package aee)
//
// The stored form is that of the v3 interface; v2 is a translation at the edge.
// A component's configuration status is a pure function of its record, its
// configuration and the options. It is stored beside the record and recomputed
// in the transaction that changes any of the three, so that lists can filter
// and page by it with an index, and so that the hints of such a change reach
// the batcher.
package cfs
