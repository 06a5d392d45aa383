package job

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Prune removes the directories of those jobs that finished first, so that keep
// stay, and returns their names.
func Prune(jobs string, keep int) (gone []string, err error) {
	results, err := filepath.Glob(filepath.Join(jobs, "*", "result.json"))
	if err != nil || len(results) <= keep {
		return nil, err
	}
	when := make(map[string]time.Time, len(results))
	for _, path := range results {
		if info, err := os.Stat(path); err == nil {
			when[path] = info.ModTime()
		}
	}
	slices.SortFunc(results, func(a, b string) int { return when[a].Compare(when[b]) })
	for _, path := range results[:len(results)-keep] {
		dir := filepath.Dir(path)
		err = errors.Join(err, os.RemoveAll(dir))
		gone = append(gone, filepath.Base(dir))
	}
	return gone, err
}
