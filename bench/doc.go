// Command bench prints the table of docs/performance.md: what Drover costs on
// this machine. Server, simulated nodes and the bare program that is the floor
// are processes of their own; each tells its own CPU, so that a row says what the
// server alone has used. Nodes take no time, and Ansible is replaced by this
// program, which reports success at once. Only the rows cfs-session and results
// run the real one, against the bare ansible-playbook: they need a machine that
// does nothing else.
//
//	bench ──► ./bench/server (this tree's, with -old another revision's too)
//	  ├─────► role fleet: what drover simulate runs
//	  └─────► role bare, with a fleet of its own
//
//	go run ./bench                              all rows
//	go run ./bench -json -only reboot-1000,list
//	go run ./bench -only reboot -old v1.0       two builds in turns
//	go run ./bench -guard bench/ceilings.json   counts of a small reboot
//
// With ARA_TOOLS, a directory that scripts/need.sh ara names, ARA's callback is
// measured beside the record of results.
package main
