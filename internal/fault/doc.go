// Package fault holds the few kinds of error that Drover's operations return.
//
// An operation says what went wrong in the terms of its domain; the HTTP edge
// (package httpapi) and main each map the kind once. Nothing in between
// inspects texts.
package fault
