// Package doctor judges what a site stands on: each check is what was found, whether that
// is well, and what to do if it is not. It asks nobody itself.
package doctor

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Status is how a check ended.
type Status string

// The statuses.
const (
	OK      Status = "ok"
	Warning Status = "warning" // it works, but not for long or not for all
	Failed  Status = "failed"
)

// Check is what was found of one thing.
type Check struct {
	Name   string `json:"check" doc:"What was looked at"`
	Status Status `json:"status" enum:"ok,warning,failed" doc:"Whether it is well"`
	Words  string `json:"words" doc:"What was found"`
	Advice string `json:"advice" doc:"What to do; empty if nothing"`
}

// Findings are what a server finds of itself.
type Findings struct {
	Version string  `json:"version" doc:"Version of the server's program"`
	Checks  []Check `json:"checks" nullable:"false" doc:"What was looked at"`
}

// Limit bounds a check.
const Limit = 5 * time.Second

// Ask is a check to make, whose name is known before it ends.
type Ask struct {
	Name  string
	Check func(ctx context.Context) (Status, string, string)
}

// All makes the checks at once, each for no longer than the limit: one that does not end
// has failed.
func All(ctx context.Context, limit time.Duration, asks []Ask) []Check {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out := make([]Check, len(asks))
	var all sync.WaitGroup
	for i, ask := range asks {
		all.Go(func() {
			ended := make(chan Check, 1)
			go func() {
				status, words, advice := ask.Check(ctx)
				ended <- Check{ask.Name, status, words, advice}
			}()
			select {
			case out[i] = <-ended:
			case <-ctx.Done():
				out[i] = Check{ask.Name, Failed, fmt.Sprintf("no answer in %s", limit), "see the server's log for what hangs"}
			}
		})
	}
	all.Wait()
	return out
}

// Ready is the check of something that is well if there is no error.
func Ready(advice string, err error) (Status, string, string) {
	if err != nil {
		return Failed, err.Error(), advice
	}
	return OK, "answers", ""
}

// How much of a disk has to be free: below low there is a warning, below none it has failed.
const (
	lowShare, noneShare = 0.1, 0.01
	lowBytes, noneBytes = 5 << 30, 256 << 20
)

// Disk judges the room on a disk, in bytes.
func Disk(free, total uint64) (Status, string, string) {
	words := fmt.Sprintf("%s of %s are free for the data directory", size(free), size(total))
	const advice = "make room, or move the data directory: images, logs and the database grow"
	share := float64(free) / float64(max(total, 1))
	switch {
	case share < noneShare || free < noneBytes:
		return Failed, words, advice
	case share < lowShare && free < lowBytes*10 || free < lowBytes:
		return Warning, words, advice
	}
	return OK, words, ""
}

func size(n uint64) string {
	switch {
	case n >= 1<<40:
		return fmt.Sprintf("%.1f TiB", float64(n)/(1<<40))
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

// soon is how long before its end a certificate is warned of.
const soon = 21 * 24 * time.Hour

// Certificate judges the time for which a certificate counts yet.
func Certificate(ends, now time.Time) (Status, string, string) {
	const advice = "put a new certificate into the files: they are read again when they change"
	day := ends.UTC().Format(time.DateOnly)
	switch left := ends.Sub(now); {
	case left <= 0:
		return Failed, "it ended on " + day, advice
	case left < soon:
		return Warning, fmt.Sprintf("it ends on %s, in %d days", day, int(left/(24*time.Hour))), advice
	}
	return OK, "it counts until " + day, ""
}

// What clocks may differ by: tokens and certificates bear little, logs none.
const (
	clockWarning = 5 * time.Second
	clockFailed  = time.Minute
)

// Clock judges by how much the server's clock is ahead of this one, or behind.
func Clock(ahead time.Duration) (Status, string, string) {
	word, by := "ahead of", ahead
	if ahead < 0 {
		word, by = "behind", -ahead
	}
	const advice = "have both machines keep time by NTP: tokens, certificates and links to artifacts end by the clock"
	words := fmt.Sprintf("the server's is %s %s this machine's", by.Round(time.Second), word)
	switch {
	case by >= clockFailed:
		return Failed, words, advice
	case by >= clockWarning:
		return Warning, words, advice
	}
	return OK, "the server's and this machine's agree to " + clockWarning.String(), ""
}
