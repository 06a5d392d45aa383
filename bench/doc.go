// Command bench prints the table of docs/performance.md: Drover's speed on
// this machine. Nodes are simulated and take no time, Ansible is replaced by an
// executor that reports success at once; what remains is Drover's own work. Only
// the row of CFS sessions runs real ones, against the bare ansible-playbook: it
// needs a machine that does nothing else.
//
//	go run ./bench            all rows
//	go run ./bench -only list rows whose name contains "list"
package main
