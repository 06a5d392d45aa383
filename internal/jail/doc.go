// Package jail runs commands in namespaces of their own: on a simulated node, in
// an image, and steps of sessions in cages.
//
// Run runs a command inside a simulated node, or inside an image, so
// that it cannot touch the host: in mount, process, host name and IPC namespaces of its own (and a
// user namespace where the host process is not root), over a root file system
// that is the node's own folder, with the host's system folders read-only in
// it. The network is the host's, and nothing limits processor, memory and disk:
// a jail keeps mistakes in, it is no place for an enemy's code.
//
//	Run ─► this program again (init) ─► mounts ─► pivot_root ─► drop capabilities ─► exec the command
//
// What a command sees:
//
//	/usr, /bin, /sbin, /lib*   the host's, read-only
//	/proc                      its own processes; read-only where a write reaches the kernel;
//	                           empty where the kernel refuses a fresh one (inside some containers)
//	/dev                       null, zero, full, random, urandom, tty
//	/etc                       the node's own, begun with what a shell and Python need
//	everything else            the node's own, empty at first
//	/mnt/image                 with an Image: its root file system, writable, as image-root
//
// The command is process 1 of its namespace: whatever it leaves running is
// killed when it ends.
//
// Cage.Confine has a command see nothing of the host but what it is shown, as a
// user without rights, and ends it when it uses too much. It is for code that
// nobody vouches for:
//
//	Confine ─► this program again, process 1 ─► mounts ─► pivot_root ─► give up all rights ─► start the command, watch it
package jail
