// Package mount has the mounts that jails and cages share. It imports the
// standard library alone: what process 1 of a cage imports is initialised for each.
package mount
