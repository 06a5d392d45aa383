// Package seal encrypts what nobody but the server may read of a database.
//
//	Keys (a file: the first one seals, all of them open) ─► Seal(place, text) ─► one word of letters ─► Open(place, word)
//
// A sealed text opens at its own place alone: the table, key and field that it was
// sealed for are authenticated with it. The cipher is XChaCha20-Poly1305, whose
// nonces are long enough to be random.
package seal
