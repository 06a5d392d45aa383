// Package kubernetes runs jobs as Jobs of Kubernetes, a container for each step.
//
//	Start ─► jobs/<id>/ ─► Secret <id> (the job's files, SSH key) ─► Job <id>
//	informers of Jobs and pods ─► attend: steps.json, log/STEP.log, result.json in jobs/<id>/
//	containers (package pod) ─► ServeHTTP: what steps recorded, into jobs/<id>/ as well
//	State, Log ◄─ jobs/<id>/
//
// The directory is the record of a job here as it is with local jobs: whoever
// reads it need not know where the job ran. How a job ends is the Job's word
// alone. Its pod tells why, and what the steps wrote.
package kubernetes
