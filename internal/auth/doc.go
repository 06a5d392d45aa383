// Package auth decides who may do what.
//
//	request ─► Gate ─ who? ─► a token of the site, a job, a provider ─► Identity
//	             │                                                     │
//	             ├─ what? ─► Rules: the one rule of method and path ───┤
//	             │                                                     ▼
//	             └── 401, 403, or the services ◄──────────────── Rule.Allows
//
// The rules (table.go) are patterns of net/http's ServeMux: of those that match a
// request the most specific one counts. What none of them names is for
// administrators alone, so that an operation that somebody forgot is closed.
//
// Services in this process call each other without passing the Gate.
package auth
