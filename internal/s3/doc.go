// Package s3 keeps boot artifacts: an embedded S3 server (versitygw on a
// directory) and a client for it or any other S3.
//
//	request ─► fetches ─────► signatures ─► versitygw ─► objects ─► directory
//	           plain links,   any region,   verifies     keys, listings,
//	           from memory    version 2     again        ACLs, checksums
//	           or sendfile
//
// Plain links are those by which nodes fetch what they boot. fetches answers
// them as the library did for the same state of the object's file; whatever it
// would refuse, or has not seen the library answer, goes on to the library.
//
// Credentials that end are sessions, which are given by the process or by
// AssumeRole of the server's token service, and bounded by policies. Roles asks
// the token service of a store that is elsewhere.
//
// A node fetches kernel and initrd by presigned URL; the extra query parameter
// x-drover-node in it, which S3 servers ignore, names the node, so that the
// journal can tell who fetched what.
package s3
