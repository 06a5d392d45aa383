// Package xname knows the names of components: their spelling, their type,
// their parents, and how to write many of them briefly.
//
// The patterns are those of the Hardware State Manager.
package xname
