// Package certs has the certificates by which a server shows who it is, and those
// by which it knows others.
//
//	FILE, FILE ──> Pair ──> tls.Config of a listener   (read again when they change)
//	bundle ──> Pool ──> tls.Config of clients          (beside the machine's own)
//	NewAuthority ──> Issue ──> FILE, FILE              (for development)
package certs
