// Package node is what runs on a node: the reporters that tell BOS which boot
// the node performed, CFS that it wants to be configured, and HSM that it is
// ready; and the fetching of the SSH certificate authority that CFS signs with.
//
//	kernel command line ─► Identity ─► Agent ─► FetchTrust   BSS meta-data, Global.cfs_public_key
//	                                            ReportReady  HSM  State/Components/{xname}/StateData
//	                                            ReportBOS    BOS  v2/components/{xname}, repeated
//	                                            ReportCFS    CFS  v3/components/{xname}, once
//
// The single calls are for who keeps his own time, such as a simulated fleet;
// Daemon.Run does all of it on a real node, as `drover node report`, where Trust
// hands the fetched key to sshd.
package node
