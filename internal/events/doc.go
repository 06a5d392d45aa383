// Package events wakes whoever depends on a change.
//
// A Hub carries hints: "these keys of this table changed". A hint holds no
// data and may be lost or repeated; who receives it reads the table again. A
// Loop is the usual receiver: it runs a function for the keys that were hinted
// since its last run, for keys whose time has come, and now and then for
// everything.
//
//	store commit ─► Hub.Changed ─► Loop (collects keys while it runs) ─► Run(Wake{Keys})
//	                     timers ─►   "                                  Run(Wake{Keys})
//	               resync period ─►  "                                  Run(Wake{All})
package events
