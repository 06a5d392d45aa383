// Package pod runs the steps of a job as containers of one pod.
//
//	given/ ─► first container: copies it to DIR, a volume that all containers share
//	"PROGRAM pod STEP --job DIR" ─► waits for the step before ─► "PROGRAM STEP --job DIR", as its child
//	                             └► Courier: what the step records ─► the server, over HTTP
//
// A container holds the lock DIR/.STEP.lock from its start to its end, however
// it ends. The next one waits for that lock, so that none waits for one that was
// killed, and no container needs rights in the cluster. A container that ended
// before it took its lock is waited for as long as a pod may take to start. Package kubernetes makes
// such pods.
package pod
