// Package audit keeps who did what, and who was refused.
//
//	write ─► auth.Gate ─► Call ─► service ─► status ─► Log.Append ─► group ─► answered
//	                       ▲         │
//	                       └ session, nodes: what the service knows of them
//	refused ─► Denied ─► equal ones of a while counted as one ─► group
//	operators ─► Log.Append, with the session as who
//
// A record is a line of a store.Ledger and never changed. Its hash is the SHA-256
// of the hash before it and its own document, so that a line that was changed,
// removed or put elsewhere shows (Verify). The oldest lines go by age and size;
// the hash of the last that went is kept as the anchor of those that stay.
package audit
