// Package shelf keeps what jobs left behind, such as logs and results, in an object
// store, where the server finds it that leads next: a job's directory is on one
// machine.
//
//	DIR/ID {result.json, log/..} ─ Ended ─► Objects: ID.tar.gz ─ Removed, or an old one ─► gone
//	Dir(ID) ─► DIR/ID, else CACHE/ID ◄─ Objects
//
// What a job's machine had not put there when it went is there again when that
// machine leads again.
package shelf
