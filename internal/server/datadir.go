package server

import (
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/drover-hpc/drover/internal/fault"
)

// databaseFile is what a data directory's database of SQLite is called.
const databaseFile = "drover.db"

// privateData makes the data directory, which holds passwords and keys, or takes
// it from others.
func privateData(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fault.New(fault.Invalid, "data directory: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fault.New(fault.Invalid, "data directory: %w", err)
	}
	mode := info.Mode().Perm()
	if mode&0o077 == 0 {
		return nil
	}
	if err := os.Chmod(dir, 0o700); err != nil { // such as a volume of Kubernetes
		slog.Warn("others may look into the data directory, which belongs to somebody else; what is secret in it they may not read", "data", dir, "mode", mode)
		return nil
	}
	slog.Warn("others could look into the data directory: it is its owner's alone now", "data", dir, "mode", mode)
	return nil
}

// lockData keeps a second process off the data directory: two servers would drive
// the same nodes. The lock ends with unlock, or with the process, however that ends.
func lockData(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fault.New(fault.Invalid, "data directory: %w", err)
	}
	for deadline := time.Now().Add(lockPatience); unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.Close()
			return nil, fault.New(fault.Conflict, "data directory %s is in use by another server: stop that one first, or name another directory (data)", dir)
		}
	}
	return func() { f.Close() }, nil
}

// lockPatience is how long the lock of a server that was killed may outlive it: a
// program that it was starting has its files until that runs.
const lockPatience = 2 * time.Second

// dataHolds is what there may be in a data directory besides the database.
var dataHolds = map[string]string{
	"s3":                "artifacts",
	lastDatabaseFile:    "which database the server had",
	keyFile:             "the key of secrets in the database, which goes where the database goes",
	"jobs":              "CFS sessions that run, logs and results",
	"job-records":       "copies of what CFS sessions left on other machines",
	"agents":            "agents of BOS v1, logs",
	"agent-records":     "copies of what agents left on other machines",
	"image-jobs":        "IMS jobs, logs",
	"image-job-records": "copies of what IMS jobs left on other machines",
	"image-cache":       "what recipes were built of",
	"repositories":      "mirrors of git repositories",
	"vcs":               "git repositories",
	"token":             "the administrator's token",
	"authorities.pem":   "the authorities that jobs trust",
	"local-port":        "the port of this server's own jobs",
	"local-s3-port":     "their port of the object store",
	"member":            "this server's name among several on one database",
	"trust":             "the SSH certificate authority",
	"sim":               "the simulated fleet",
	"virtual":           "the virtual fleet",
}
