#!/bin/sh
# modernc.org/sqlite 1.55.0 (SQLite in Go): the time to bind a statement's arguments grows with the square of their number, and is over ten
# times as long for $1, $2 as for ?.
#
# Before each execution the driver goes through the parameters and, for each, through the arguments from the first on until one fits: of a ? the
# one of the same place, of $7 or ?7 the one whose number, written out as text, is the parameter's name. SQLite itself finds a parameter at
# once, and allows 32,766 of them; who writes many rows with one statement, or asks for many keys with IN ($1, $2, ...), pays for the search. $1
# is also what makes the driver fetch the parameter's name, a string, at each execution. Eight times as many parameters, in CPU time:
#
#   ?     more than 16 times as long
#   $N    more than 32 times as long
#   8,000 of $N over 8,000 of ?    more than 10 times
#
# So with this driver: ? in the statements that run most, one row a statement in a transaction, and lists as JSON (json_each) in place of IN.
set -eu

dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
export GOPATH="$dir/go" GOFLAGS=-mod=mod
cat >go.mod <<'MOD'
module finding

go 1.25

require modernc.org/sqlite v1.55.0
MOD
cat >main.go <<'GO'
package main

import (
	"database/sql"
	"fmt"
	"math"
	"strings"
	"syscall"

	_ "modernc.org/sqlite"
)

func main() {
	db, err := sql.Open("sqlite", ":memory:")
	must(err)
	db.SetMaxOpenConns(1)
	place := func(int) string { return "?" }
	number := func(n int) string { return fmt.Sprintf("$%d", n) }
	few, many := cost(db, 1000, place), cost(db, 8000, place)
	say("?     more than 16 times as long", many/few > 16)
	fewN, manyN := cost(db, 1000, number), cost(db, 8000, number)
	say("$N    more than 32 times as long", manyN/fewN > 32)
	say("8,000 of $N over 8,000 of ?    more than 10 times", manyN/many > 10)
}

// cost is the least CPU time of five executions of a statement with n parameters.
func cost(db *sql.DB, n int, mark func(int) string) float64 {
	marks, args := make([]string, n), make([]any, n)
	for i := range marks {
		marks[i], args[i] = mark(i+1), int64(i)
	}
	stmt, err := db.Prepare("SELECT 1 WHERE 1 IN (" + strings.Join(marks, ",") + ")")
	must(err)
	defer stmt.Close()
	least := math.Inf(1)
	for range 5 {
		before := used()
		var one int
		must(stmt.QueryRow(args...).Scan(&one))
		least = min(least, used()-before)
	}
	return least
}

func used() float64 {
	var u syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return float64(u.Utime.Nano() + u.Stime.Nano())
}

func say(what string, is bool) {
	if !is {
		what = "not so: " + what
	}
	fmt.Println(what)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
GO
go mod tidy >/dev/null 2>&1
go run . | tee said
cat >expected <<'OUT'
?     more than 16 times as long
$N    more than 32 times as long
8,000 of $N over 8,000 of ?    more than 10 times
OUT
diff expected said
