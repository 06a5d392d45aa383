// Package bootset knows boot sets: which nodes should run which image, and how.
//
// It selects nodes by a limit expression, reads an image's manifest, composes
// the kernel parameters, and checks a boot set before anything is done with it.
//
//	BootSet ─► Validate ─► errors and warnings
//	        └► Load (manifest, parameters) ─► Image ─► Artifacts: kernel, kernel parameters, initrd
package bootset
