package aee

import (
	"slices"
	"strconv"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/job"
)

// Dir is the directory of a session's job.
type Dir = job.Dir

// LeftBehind is what of a job's directory tells, after its end, what it did. Steps in
// a cage write into the folder of their own.
var LeftBehind = slices.Concat(job.LeftBehind, []string{resultsDir, job.WorkDir + "/" + resultsDir})

// Login is a user name and password for git.
type Login struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// spec is what the job is to its executor: one that may be held for debugging
// takes no room.
func spec(j cfs.Job, s Settings) job.Spec {
	return job.Spec{ID: j.ID, Free: j.DebugWait > 0, Apart: s.Cage != nil}
}

// files are those in the job's directory; logins are those of its sources, by
// name.
func files(j cfs.Job, settings Settings, logins map[string]Login) map[string]any {
	return map[string]any{"job.json": j, "settings.json": settings, "logins.json": logins}
}

// readJob returns the session's part of what files gave.
func readJob(d Dir) (cfs.Job, error) { return job.Read[cfs.Job](d, "job.json") }

// readSettings returns the site's part, with the defaults filled in.
func readSettings(d Dir) (Settings, error) {
	s, err := job.Read[Settings](d, "settings.json")
	return s.withDefaults(), err
}

func readLogins(d Dir) (map[string]Login, error) {
	return job.Read[map[string]Login](d, "logins.json")
}

func layerDir(d Dir, index int) string { return d.Path("layer" + strconv.Itoa(index)) }
