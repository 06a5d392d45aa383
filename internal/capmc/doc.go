// Package capmc is the Cray Advanced Platform Monitoring and Control interface,
// version 1, as a face on PCS and HSM: it drives nothing itself.
//
//	xname_on, _off, _reinit ─► names ─► HSM: which there are, reserve them
//	                             └────► order ─► PCS transition, with deputy keys
//	                                      └────► release when it is over
//	get_xname_status ────────► HSM for states, PCS for power
//	get/set_power_cap ───────► HSM for NIDs, PCS power cap tasks
//
// An error is told inside a 200, with a code e that is not 0; only a request
// that is wrong is refused with a status of 400 and more.
//
// An order is recorded with its reservations before PCS is told of it, and goes
// on when whoever asked is gone, or after a restart: the reservations are kept
// until PCS is done, and a reinit that turned its nodes off turns them on.
//
// The calls by NID (node_on and so on) are those of older manuals, an extension.
package capmc
