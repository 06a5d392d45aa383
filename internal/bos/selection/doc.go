// Package selection works out which nodes a session of BOS deals with, and what it wants of
// each: from its template, its limit, and what HSM says of nodes.
//
//	template ─ boot sets ─► named ─► limit ─► not locked, the tenant's, of the architecture,
//	                                          enabled ─► Target of each
//
// Who falls out on the way is told with the reason. Sessions are set up by it, and plans made.
package selection
