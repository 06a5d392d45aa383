// Package derive turns a service's OpenAPI document into commands.
//
//	path /sessions/{id}/status, GET   ─►  "sessions status list <ID>"
//	query, header and body properties ─►  options
//	command + values                  ─►  Request
//
// The rules are those of the published command line: groups are the path's
// words, arguments its braces in reverse order, the verb follows from the
// method and from whether the path ends in an argument.
package derive
