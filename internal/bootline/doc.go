// Package bootline is the kernel command line that a boot script carries: what
// stands in it besides the parameters that were asked for, and how much of it
// arrives.
//
//	initrd=initrd  xname= nid= bss_referral_token= ds=  host's, kernel's, initrd's parameters
//	└─ iPXE's name └─ who the node is, first: what a firmware cuts off is the end
//
// BSS composes it, BOS estimates it before a session touches a node, and the
// simulated firmware cuts it as real ones do.
package bootline
