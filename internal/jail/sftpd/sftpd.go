// Package sftpd is the SFTP server inside a jail. It is not part of package
// jail because what it imports would be initialised for each jailed command.
package sftpd

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pkg/sftp"

	"github.com/drover-hpc/drover/internal/jail"
)

// Main must be called first in main: it returns at once unless this process is
// a jail's SFTP server, and then never.
func Main() {
	if os.Args[0] == jail.SFTPName {
		os.Exit(serve())
	}
}

// serve answers on the standard streams.
func serve() int {
	server, err := sftp.NewServer(standardStreams{}, sftp.WithServerWorkingDirectory("/root"))
	if err == nil {
		err = server.Serve()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		fmt.Fprintln(os.Stderr, "simulated node: sftp:", err)
		return 1
	}
	return 0
}

type standardStreams struct{}

func (standardStreams) Read(p []byte) (int, error)  { return os.Stdin.Read(p) }
func (standardStreams) Write(p []byte) (int, error) { return os.Stdout.Write(p) }
func (standardStreams) Close() error                { return nil }
