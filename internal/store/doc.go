// Package store keeps Drover's records in SQLite or PostgreSQL.
//
// Every resource is a Table of JSON documents with a key, a revision and a few
// indexed columns; bulk reads and writes are single statements or single
// transactions, and lists page by key in byte order.
//
//	operation ──► Table[T] ──► DB ──► SQLite or PostgreSQL (one writer, many readers)
//	                            │
//	                            └──► after commit: hint (table, keys) to whoever Open was given
//
// One process at a time has the database. A table whose Spec says Held is in
// memory as well: reads cost no SQL and no decoding, and what a transaction changed is written,
// then published, at its commit. What changes all the time is Logged: a commit writes it to a log
// in the database, and the rows of the tables follow (see changes).
//
// A transaction travels in the context: an operation on a table joins the
// transaction that InTx put there, so that a record and its history commit
// together and hints leave only after the commit.
package store
