// Package traces tells of boot sessions in OpenTelemetry's terms: each one that
// ended becomes a trace, made of what the journal has of its nodes.
//
//	session ended ─► hint ─► Exporter: some of its nodes (Choose), what the journal has of each
//	                            └─► Of: spans with the times of the deeds ─► Sender (package otlp)
//
//	session ─┬─ node ─┬─ power-off ─── PCS call
//	         │        ├─ power-on ──── PCS call, once more for each attempt
//	         │        ├─ boot            boot script, artifacts, report: events
//	         │        └─ configuration ─ CFS session
//	         └─ node ...
//
// Of and Choose are pure functions. Nobody who boots nodes waits for any of this: what
// cannot be sent waits here, as the session's name alone.
package traces
