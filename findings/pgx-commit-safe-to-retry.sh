#!/bin/sh
# pgx 5.12.0: SafeToRetry is true of a COMMIT that was sent.
#
# pgconn.SafeToRetry tells of an error whether nothing was sent to the server before it, so that the same may be sent again. A server that gets
# COMMIT and whose connection ends before it answers may have committed. The error of Tx.Commit is then that of a connection that is closed
# ("conn closed"), as if the COMMIT had met a connection that was closed before, and SafeToRetry says true.
#
#   the server got    begin, commit
#   Tx.Commit         conn closed
#   SafeToRetry       true
#
# So whoever repeats a transaction by SafeToRetry may do it twice: only what the server itself says (a PgError) is sure.
set -eu

dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
export GOPATH="$dir/go" GOFLAGS=-mod=mod
cat >go.mod <<'MOD'
module finding

go 1.25

require github.com/jackc/pgx/v5 v5.12.0
MOD
cat >main.go <<'GO'
// A server that speaks just enough of PostgreSQL's protocol takes BEGIN, and goes away when it has got COMMIT.
package main

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	got := make(chan string, 10)
	go serve(l, got)
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, fmt.Sprintf("postgres://u@%s/d?sslmode=disable", l.Addr()))
	must(err)
	tx, err := conn.Begin(ctx)
	must(err)
	err = tx.Commit(ctx)
	close(got)
	var list []string
	for q := range got {
		list = append(list, q)
	}
	fmt.Printf("the server got    %s\nTx.Commit         %v\nSafeToRetry       %v\n", strings.Join(list, ", "), err, pgconn.SafeToRetry(err))
}

func serve(l net.Listener, got chan<- string) {
	c, err := l.Accept()
	must(err)
	defer c.Close()
	b := pgproto3.NewBackend(c, c)
	_, err = b.ReceiveStartupMessage()
	must(err)
	b.Send(&pgproto3.AuthenticationOk{})
	b.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{0, 0, 0, 1}})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	must(b.Flush())
	for {
		m, err := b.Receive()
		must(err)
		q, ok := m.(*pgproto3.Query)
		if !ok {
			continue
		}
		got <- q.String
		if q.String == "commit" {
			return
		}
		b.Send(&pgproto3.CommandComplete{CommandTag: []byte("BEGIN")})
		b.Send(&pgproto3.ReadyForQuery{TxStatus: 'T'})
		must(b.Flush())
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
GO
out=$(go run . 2>"$dir/err") || { cat "$dir/err" >&2; exit 1; }
printf '%s\n' "$out"
expected='the server got    begin, commit
Tx.Commit         conn closed
SafeToRetry       true'
test "$out" = "$expected" || { printf 'expected\n%s\n' "$expected" >&2; exit 1; }
