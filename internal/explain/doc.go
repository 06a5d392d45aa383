// Package explain says in plain words where a node's boot stands.
//
//	Facts (what the services say, the node's journal) ─► Explain ─► lines
//
// Explain is a pure function; package cli gathers the facts.
package explain
