// Package job runs a program in steps, in a directory of its own, so that it
// outlives who started it and its end is known to whoever comes next.
//
//	Create ─► DIR {spec.json, the program's files} ─► PROGRAM run --job DIR ─► Supervise
//	                                                    └► PROGRAM STEP --job DIR, one after another
//	State ◄─ supervisor.json, steps.json, waits.json, result.json, log/STEP.log
//
// The directory is all the state there is. Package local starts such programs
// as processes of this machine, package kubernetes as Jobs, a container for each
// step. The sessions of CFS, the agents of BOS v1 and the jobs of IMS are jobs.
package job
