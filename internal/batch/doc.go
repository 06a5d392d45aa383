// Package batch has done together what comes one by one.
//
// A Writer collects values by key, the last of a key counts, and writes many
// at a time; nobody waits for it:
//
//	Put(k, v) ─► waiting ─► Every later, or Full ─► Write(values)
//	                ▲                                 │ failed
//	                └───── unless a newer one came ───┘
//
// A Pool hands items to a few batches that run side by side; what comes
// meanwhile waits for the next one:
//
//	Hand(items) ─► waiting ─► one of Parallel ─► Do(at most Max items)
package batch
