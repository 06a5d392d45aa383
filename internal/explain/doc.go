// Package explain says in plain words where a node's boot stands.
//
//	Facts (what the services say, the node's journal) ─► Explain ─► lines; Judge ─► Health
//
// Explain is a pure function, and so are Line and Judge, which say less;
// package gather asks the services for the facts.
package explain
