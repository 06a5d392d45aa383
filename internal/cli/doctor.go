package cli

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/cli/derive"
	"github.com/drover-hpc/drover/internal/doctor"
)

func (a *app) doctor() *cobra.Command {
	cmd := a.verb("doctor", "Check what this site stands on, and say what to do where it is not well", arguments(),
		func(cmd *cobra.Command, g *globals, _ []string) error {
			s, err := a.open(g)
			if err != nil {
				return err
			}
			return s.doctor(cmd.Context())
		})
	cmd.Long = "Check that the server answers and fits this program, whom the token is of, the clock, database, audit log, object store, disk, certificates, each service that is elsewhere, " +
		fmt.Sprintf("at most %d BMCs by what discovery and PCS say of them, and whether nodes ask for boot scripts. Nothing is changed.\n\n", sampled) +
		"The exit code is 1 if anything failed; warnings alone are 0."
	return cmd
}

// doctor makes all checks and prints them.
func (s *session) doctor(ctx context.Context) error {
	checks, answers := s.reach(ctx)
	if answers {
		own := doctor.All(ctx, doctor.Limit, []doctor.Ask{{Name: "token", Check: s.checkToken}, {Name: "BMCs", Check: s.checkBMCs}, {Name: "boot scripts", Check: s.checkScripts}})
		checks = append(append(append(checks, own[0]), s.serversReport(ctx)...), own[1:]...)
	}
	if s.asData {
		if err := s.print(map[string]any{"checks": checks}); err != nil {
			return err
		}
	} else {
		s.printChecks(checks)
	}
	if slices.ContainsFunc(checks, func(c doctor.Check) bool { return c.Status == doctor.Failed }) {
		return &ExitError{Code: 1}
	}
	return nil
}

func (s *session) printChecks(checks []doctor.Check) {
	w := tabwriter.NewWriter(s.app.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CHECK\tSTATUS\tFOUND")
	for _, c := range checks {
		words := c.Words
		if c.Advice != "" {
			words += ": " + c.Advice
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", c.Name, c.Status, oneLine(words))
	}
	w.Flush()
}

// reach looks whether the server answers, and what can be told by that alone.
func (s *session) reach(ctx context.Context) (checks []doctor.Check, answers bool) {
	ctx, cancel := context.WithTimeout(ctx, doctor.Limit)
	defer cancel()
	add := func(name string, status doctor.Status, words, advice string) {
		checks = append(checks, doctor.Check{Name: name, Status: status, Words: words, Advice: advice})
	}
	asked := time.Now()
	resp, err := s.gateway.send(ctx, "", &derive.Request{Method: http.MethodGet, Path: "/livez"})
	if err != nil {
		words, advice, _ := strings.Cut(err.Error(), "\n")
		add("server", doctor.Failed, words, advice)
		return checks, false
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		add("server", doctor.Failed, fmt.Sprintf("%s answers %s", s.gateway.base, resp.Status), "see that it is a server of Drover (--server, DROVER_SERVER), and its log")
		return checks, false
	}
	add("server", doctor.OK, "answers at "+s.gateway.base, "")
	if resp.TLS != nil && len(resp.TLS.PeerCertificates) > 0 {
		status, words, advice := doctor.Certificate(resp.TLS.PeerCertificates[0].NotAfter, time.Now())
		add("certificate shown here", status, words, advice)
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		// Date is cut to a second, and told somewhere between the question and now.
		here := asked.Add(time.Since(asked) / 2)
		status, words, advice := doctor.Clock(date.Add(time.Second / 2).Sub(here))
		add("clock", status, words, advice)
	}
	return checks, true
}

// checkToken tells whom the token is of.
func (s *session) checkToken(ctx context.Context) (doctor.Status, string, string) {
	var who auth.Caller
	if err := s.get(ctx, "/apis/drover/v1/whoami", &who); err != nil {
		return doctor.Failed, err.Error(), "`drover auth tokens` on the server's machine makes one; --token FILE or CRAY_CREDENTIALS shows it"
	}
	words := "counts, role " + string(who.Role)
	if who.Name != "" {
		words = "of " + who.Name + ", role " + string(who.Role)
	}
	if who.Tenant != "" {
		words += " of " + who.Tenant
	}
	return doctor.OK, words, ""
}

// serversReport are the server's own checks, its version first.
func (s *session) serversReport(ctx context.Context) []doctor.Check {
	ctx, cancel := context.WithTimeout(ctx, 2*doctor.Limit) // the server takes up to its limit
	defer cancel()
	var report doctor.Findings
	switch err := s.get(ctx, "/apis/drover/v1/doctor", &report); {
	case missing(err):
		return []doctor.Check{{Name: "version", Status: doctor.Warning, Words: "the server cannot check itself", Advice: "it is older than this program, " + s.app.Version + ": use the program of its version, or update it"}}
	case err != nil:
		status, words, advice := silent("the server does not tell", err)
		return []doctor.Check{{Name: "server's own checks", Status: status, Words: words, Advice: advice}}
	}
	version := doctor.Check{Name: "version", Status: doctor.OK, Words: report.Version}
	if report.Version != s.app.Version {
		version = doctor.Check{Name: "version", Status: doctor.Warning, Words: "the server is " + report.Version + ", this program " + s.app.Version, Advice: "use the program of the server's version"}
	}
	return append([]doctor.Check{version}, report.Checks...)
}

// oneLine is the text without breaks and what steers a terminal.
func oneLine(text string) string { return harmless(strings.Join(strings.Fields(text), " ")) }
