// Package storetest starts databases for tests, and holds the suite that every
// database engine passes.
package storetest
