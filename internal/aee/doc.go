// Package aee executes CFS sessions with Ansible.
//
// A session's job is a directory and three steps, or four if it opens images. Each
// step is a program of its own, "drover aee STEP --job DIR", that reads the directory
// and leaves its results there, so that local child processes and containers run the
// same code:
//
//	job.json, settings.json          what to do (cfs.Job, Settings), never changed
//	clone      ─► layer<N>/, hosts/  repositories at their commits, from the mirror cache
//	inventory  ─► hosts/01-cfs-generated.yaml, ansible.cfg, plugins/, ssh/
//	ansible    ─► runs ansible-playbook layer by layer; the plugin reports each node to CFS
//	teardown   ─► has IMS make the images that were opened
//
// "drover aee run --job DIR" supervises: it runs them in order, keeps
// supervisor.json, steps.json and log/<step>.log, removes checkouts and keys, and at
// the end puts result.json in place with one rename. Who wants to know how the job
// stands reads these files; package local does.
//
// Steps run in cages (cage.go): what they write is in the directory "work" of the
// job's, which they see as the job's. The supervisor does between steps what no
// step may.
//
// As a Job of Kubernetes each step is a container, "drover aee pod STEP --job
// /inventory" (kubernetes.go, pod.go); the same files of its directory are here.
//
// Sub-packages: plugin (the Ansible plugins, embedded), trust (SSH keys and
// certificates that nodes accept).
package aee
