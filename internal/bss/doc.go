// Package bss is the Boot Script Service: it keeps what each host boots
// (kernel, initrd, parameters, cloud-init data) and writes the iPXE script
// that makes it do so.
//
//	PUT bootparameters ─► bss_hosts, bss_images          (a new referral token each time)
//	                          │ hints
//	                          ▼
//	node: bootscript?mac= ─► mirrors in memory: hosts, images, HSM's nodes and MACs
//	                          │
//	                          └─► script with presigned kernel and initrd URLs, journal, endpoint history
//
// Scripts are written from mirrors, which take the hints that are pending
// before each look and read again what those name. So a script shows every
// change that was committed before it was asked for, and costs no query
// otherwise. What no mirror knows is looked up at its source before the answer
// says that it does not exist.
package bss
