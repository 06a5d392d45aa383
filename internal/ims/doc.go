// Package ims is the Image Management Service: it knows the boot images (which
// manifest in S3 belongs to each), the recipes to build images from and the
// public keys of those who customise them.
//
//	POST images {link} ─► manifest read from S3 and checked ─► record
//	DELETE /v3/images/ID ─► objects moved below deleted/ ─► record among /v3/deleted/images ─► undelete, or gone for good
//
// The same records are behind /v3, where a deletion can be undone, and behind
// /v2 and the root, where it cannot.
//
//	POST jobs ─► record, creating ─► Runner.Start ─► Runner.Progress ─► fetching ─► building or waiting_on_user
//	                                                                ─► packaging ─► success, with the image's record
//	DELETE jobs ─► record, deleting ─► Runner.Stop ─► what was uploaded is removed ─► no record
//
// Package imagejob has what jobs do, as a program that outlives the server.
package ims
