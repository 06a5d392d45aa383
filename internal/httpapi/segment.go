package httpapi

import (
	"net/url"
	"strings"
)

// Segment is the name as one segment of a URL's path. "." and ".." are names
// too, which clients and servers would else take for directories.
func Segment(name string) string {
	if name == "." || name == ".." {
		return strings.ReplaceAll(name, ".", "%2E")
	}
	return url.PathEscape(name)
}
