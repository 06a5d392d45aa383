// Package image builds boot images for nodes from Debian's archive: a kernel,
// an initial ram disk that fetches the root file system by HTTP, and the root
// file system with SSH, Python and Drover's reporter.
//
//	Spec ─► sources ─► base    mmdebstrap: packages, kernel, modules   (half a minute, cached)
//	           │        │
//	reporter ──┴────────┴─► image   kernel                             (seconds, cached)
//	                                initrd   cpio: busybox, modules, files/initrd
//	                                rootfs   squashfs: base, files/rootfs, reporter
//	                                boot_parameters, image.json
//
// Both steps are kept in the cache under a hash of all that goes into them; an
// entry is there entirely or not at all, whatever kills a build.
package image
