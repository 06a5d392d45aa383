package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/certs"
	"github.com/drover-hpc/drover/internal/fault"
)

// The files of a directory of certificates.
const (
	authorityFile    = "ca.pem"
	authorityKeyFile = "ca-key.pem"
	serverFile       = "server.pem"
	serverKeyFile    = "server-key.pem"
)

// CertificatesCommand is `drover certificates`.
func CertificatesCommand() *cobra.Command {
	top := &cobra.Command{Use: "certificates", Short: "Make certificates of an authority of one's own, for development and small sites",
		Long: "Make certificates of an authority of one's own, for development and small sites.\n\n" +
			"Its key lies in the directory as it is: whoever reads it can pass for the server. A site with an authority has that sign instead.",
		SilenceUsage: true, SilenceErrors: true, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var names []string
	server := certificatesCommand("server DIR", "Make a server's certificate, and the authority if DIR has none",
		func(cmd *cobra.Command, dir string, args []string) error { return makeServer(cmd, dir, names) })
	server.Flags().StringSliceVar(&names, "name", []string{"localhost", "127.0.0.1"}, "`NAME`s and addresses by which clients call the server")
	var role string
	client := certificatesCommand("client DIR NAME", "Make a certificate that somebody shows in place of a token",
		func(cmd *cobra.Command, dir string, args []string) error { return makeClient(cmd, dir, args[0], role) })
	client.Flags().StringVar(&role, "role", string(auth.Operator), "what NAME may do: administrator, operator or auditor; the certificate's organization")
	top.AddCommand(server, client)
	return top
}

func certificatesCommand(use, short string, run func(cmd *cobra.Command, dir string, args []string) error) *cobra.Command {
	expected := strings.Fields(use)[1:]
	return &cobra.Command{Use: use, Short: short, Long: short + ".", SilenceUsage: true, SilenceErrors: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != len(expected) {
				return fault.New(fault.Invalid, "expected %s, got %q", strings.Join(expected, " "), args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return run(cmd, args[0], args[1:]) }}
}

func makeServer(cmd *cobra.Command, dir string, names []string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	now := time.Now()
	a, err := certs.ReadAuthority(at(authorityFile), at(authorityKeyFile))
	if errors.Is(err, fs.ErrNotExist) {
		if a, err = certs.NewAuthority("Drover authority of "+names[0], now); err == nil {
			err = a.Write(at(authorityFile), at(authorityKeyFile))
		}
	}
	if err != nil {
		return fmt.Errorf("authority: %w", err)
	}
	if err := a.Server(names, at(serverFile), at(serverKeyFile), now); err != nil {
		return fmt.Errorf("certificate of the server: %w", err)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "drover serve --tls-cert %s --tls-key %s --ca-bundle %s\n", at(serverFile), at(serverKeyFile), at(authorityFile))
	return err
}

func makeClient(cmd *cobra.Command, dir, name, role string) error {
	if !slices.Contains([]auth.Role{auth.Administrator, auth.Operator, auth.Auditor}, auth.Role(role)) {
		return fault.New(fault.Invalid, "role: expected administrator, operator or auditor, got %q", role)
	}
	if name == "" || strings.ContainsAny(name, "/\\") || name == "ca" || name == "server" {
		return fault.New(fault.Invalid, "NAME: expected a name that can be a file's, and not ca or server, got %q", name)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	a, err := certs.ReadAuthority(at(authorityFile), at(authorityKeyFile))
	if err != nil {
		return fmt.Errorf("authority: %w", err)
	}
	if err := a.Client(name, role, at(name+".pem"), at(name+"-key.pem"), time.Now()); err != nil {
		return fmt.Errorf("certificate of %s: %w", name, err)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n%s\n", at(name+".pem"), at(name+"-key.pem"))
	return err
}
