// Command container makes a container image of Drover without a daemon: a
// docker archive, an OCI layout, and what is inside as a CycloneDX SBOM.
//
//	root.sh (mmdebstrap) ──► root.tar ──► layer of Debian ──┐
//	                            └─► dpkg's list ─► SBOM ─┐  ├─► docker archive, OCI layout
//	bin/drover ──► Go's build information ──► SBOM ──────┴──┘
//
// The same inputs and SOURCE_DATE_EPOCH make the same bytes. It is a module of
// its own: the server does not depend on what makes images.
package main
