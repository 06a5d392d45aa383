// Package local runs jobs as child processes.
//
//	Start ─► jobs/<id>/ ─► waiting for room ─► "PROGRAM run --job DIR" (in a session of its own)
//	State ◄─ what the directory has, and the supervisor's id and start time
//
// The directory is all the state there is. A supervisor survives the server;
// the next one finds it by its directory, watches it, or finds that it died
// without a result: then the job is lost, and said to be.
package local
