package ims

import (
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
)

// JobFilter selects jobs; what is empty does not restrict.
type JobFilter struct {
	Statuses []JobStatus
	Types    []JobType
	// Age is the least time since a job was made.
	Age time.Duration
}

func (f JobFilter) matches(j *Job, now time.Time) bool {
	return (len(f.Statuses) == 0 || slices.Contains(f.Statuses, j.Status)) &&
		(len(f.Types) == 0 || slices.Contains(f.Types, j.Type)) &&
		now.Sub(j.Created.Time) >= f.Age
}

var (
	ageForm  = regexp.MustCompile(`^(?:(\d{1,4})w)?(?:(\d{1,5})d)?(?:(\d{1,6})h)?(?:(\d{1,7})m)?$`)
	ageUnits = []time.Duration{7 * 24 * time.Hour, 24 * time.Hour, time.Hour, time.Minute}
)

// parseAge reads weeks, days, hours and minutes, such as 4w3d5h.
func parseAge(text string) (age time.Duration, err error) {
	m := ageForm.FindStringSubmatch(text)
	if m == nil || text == "" {
		return 0, fault.New(fault.Invalid, "'%s' is no age: expected weeks, days, hours and minutes, such as 4w3d5h or 6h - 'age'", text)
	}
	for i, unit := range ageUnits {
		n, _ := strconv.Atoi("0" + m[i+1]) // digits, few enough
		age += time.Duration(n) * unit
	}
	return age, nil
}
