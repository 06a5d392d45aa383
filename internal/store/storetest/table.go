package storetest

import (
	"context"
	"fmt"
	"strings"

	"github.com/drover-hpc/drover/internal/store"
)

// CreateTable makes a table with the usual columns and the indexed ones, for
// tests of tables that no migration has.
func CreateTable(ctx context.Context, db *store.DB, name string, indexes ...string) error {
	var columns strings.Builder
	for _, ix := range indexes {
		fmt.Fprintf(&columns, ", %s __KEY__ NOT NULL", ix)
	}
	return db.Exec(ctx, fmt.Sprintf(
		"CREATE TABLE %s (key __KEY__ PRIMARY KEY, rev BIGINT NOT NULL, doc TEXT NOT NULL%s)", name, columns.String()))
}
