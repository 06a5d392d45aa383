package redfish

import (
	"context"
	"fmt"
)

// hostLogger is where BMCs of the OpenBMC kind keep what a system wrote on its
// serial console, a log entry for each line.
const hostLogger = "/LogServices/HostLogger/Entries"

// entries is a page of a log.
type entries struct {
	Count   int `json:"Members@odata.count"`
	Members []struct{ Message string }
	Next    string `json:"Members@odata.nextLink"`
}

// Console returns the last lines of the system's serial console, oldest first,
// at most so many. A BMC that keeps none answers with an *Error of status 404.
func (d *Driver) Console(ctx context.Context, address string, login Login, system string, lines int) ([]string, error) {
	var size entries
	if err := d.get(ctx, address, login, system+hostLogger+"?$top=1", &size); err != nil {
		return nil, err
	}
	var out []string
	next := fmt.Sprintf("%s?$skip=%d&$top=%d", system+hostLogger, max(0, size.Count-lines), lines)
	for next != "" && len(out) < lines {
		var page entries
		if err := d.get(ctx, address, login, next, &page); err != nil {
			return nil, err
		}
		for _, e := range page.Members {
			out = append(out, e.Message)
		}
		if len(page.Members) == 0 {
			break
		}
		next = page.Next
	}
	return out[max(0, len(out)-lines):], nil
}
