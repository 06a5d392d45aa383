// Package contract tests that Drover's services are what clients of the
// published ones expect. It has tests only.
//
//	declared_test.go   every published operation against the operations that Register declares
//	answers_test.go    answers of a running server against the published response schemas
//	known_test.go      the differences that are meant or known, with the reason for each
//
// The published interface files are not Drover's to ship: the tests read them
// from the directory that DROVER_PUBLISHED_SPECS names and are skipped without.
package contract
