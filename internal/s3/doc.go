// Package s3 keeps boot artifacts: an embedded S3 server (versitygw on a
// directory) and a client for it or any other S3.
//
//	request ─► signatures ─► versitygw ─► objects ─► directory
//	           any region,   verifies     keys, listings,
//	           version 2     again        ACLs, checksums
//
// A node fetches kernel and initrd by presigned URL; the extra query parameter
// x-drover-node in it, which S3 servers ignore, names the node, so that the
// journal can tell who fetched what.
package s3
