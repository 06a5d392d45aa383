package store

import "context"

// Exec runs a statement in a write transaction, for tests that need a table
// without a migration. __KEY__, __BLOB__ and __SERIAL__ are filled in.
func (db *DB) Exec(ctx context.Context, text string) error {
	return db.InTx(ctx, func(ctx context.Context) error {
		_, err := txOf(ctx).conn.ExecContext(ctx, db.dialect.schema(text))
		return err
	})
}
