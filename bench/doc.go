// Command bench prints the table of docs/performance.md: Drover's speed on
// this machine. Nodes are simulated and take no time, Ansible is replaced by an
// executor that reports success at once; what remains is Drover's own work. Only
// the rows of CFS sessions and of results run real ones, against the bare
// ansible-playbook: they need a machine that does nothing else.
//
//	go run ./bench            all rows
//	go run ./bench -only list rows whose name contains "list"
//
// With ARA_TOOLS, a directory that scripts/need.sh ara names, ARA's callback is
// measured beside the record of results.
package main
