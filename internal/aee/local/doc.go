// Package local runs the jobs of CFS sessions as child processes.
//
//	Start ─► jobs/<id>/ {job.json, settings.json} ─► waiting ─► "drover aee run --job DIR" (own session)
//	State ◄─ supervisor.json, steps.json, result.json; the process's id and start time
//
// The directory is all the state there is. A supervisor survives the server;
// the next one finds it by its directory, watches it, or finds that it died
// without a result: then the job is lost, and said to be.
package local
