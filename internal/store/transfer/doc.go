// Package transfer copies everything that a store has from one engine to the
// other: every table, row by row, as it stands.
//
//	from ──► read once: rows, bytes, checksum of each table; what PostgreSQL cannot hold
//	   └───► copied to a target that nobody can see ──► read again there ──► compared ──► shown, whole
//
// The target on PostgreSQL is one transaction, on SQLite a file under another
// name: a copy that is broken off has never happened.
package transfer
