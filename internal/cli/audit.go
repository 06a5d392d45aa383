package cli

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/audit"
)

const auditPath = "/apis/drover/v1/audit"

// audit is `audit list` and `audit verify`; without a verb it lists.
func (a *app) audit() *cobra.Command {
	top := a.auditList("audit")
	top.Short = "Show who did what, and who was refused"
	top.AddCommand(a.auditList("list"), a.auditVerify())
	return top
}

// auditQuery is which records are wanted.
type auditQuery struct {
	since, until, who, session, node string
	outcomes                         []string
	limit                            int
}

func (a *app) auditList(use string) *cobra.Command {
	var q auditQuery
	cmd := a.verb(use, "List records, the newest last", arguments(), func(cmd *cobra.Command, g *globals, _ []string) error {
		s, err := a.open(g)
		if err != nil {
			return err
		}
		list, err := s.auditRecords(cmd.Context(), q)
		if err != nil {
			return err
		}
		if s.asData {
			return s.print(list)
		}
		_, err = fmt.Fprint(a.Stdout, harmless(auditLines(list, time.Local)))
		return err
	})
	f := cmd.Flags()
	f.StringVar(&q.since, "since", "", "first time, such as 24h (ago) or 2026-01-02T03:04:05Z")
	f.StringVar(&q.until, "until", "", "time before which the last one was")
	f.StringVar(&q.who, "who", "", "name of the token, user, node or job, or its id")
	f.StringVar(&q.session, "session", "", "session that it is about, or whose doing it is")
	f.StringVar(&q.node, "node", "", "component that it is about; with a chassis or cabinet what is inside, too")
	f.StringSliceVar(&q.outcomes, "outcome", nil, "what became of it: done, invalid, denied, failed, asked or noted; several with commas between them")
	f.IntVar(&q.limit, "limit", 50, "most that are listed, the newest; 0 is all")
	return cmd
}

// auditPage is how many records one call asks for.
const auditPage = 1000

// auditRecords are the newest records that are wanted, oldest first.
func (s *session) auditRecords(ctx context.Context, q auditQuery) ([]audit.Record, error) {
	query := url.Values{}
	for name, text := range map[string]*string{"since": &q.since, "until": &q.until} {
		if ago, err := time.ParseDuration(*text); err == nil {
			*text = time.Now().Add(-ago).UTC().Format(time.RFC3339)
		} else if _, err := time.Parse(time.RFC3339, *text); err != nil && *text != "" {
			return nil, usageError("Invalid value for '--%s': expected a time ago such as 24h, or one such as 2026-01-02T03:04:05Z, got '%s'.", name, *text)
		}
		query.Set(name, *text)
	}
	query.Set("who", q.who)
	query.Set("session", q.session)
	query.Set("node", q.node)
	query.Set("outcome", strings.Join(q.outcomes, ","))
	for name := range query {
		if query.Get(name) == "" {
			query.Del(name)
		}
	}
	all := []audit.Record{}
	for {
		most := auditPage
		if q.limit > 0 {
			most = min(most, q.limit-len(all))
		}
		query.Set("limit", strconv.Itoa(most))
		var page []audit.Record
		if err := s.get(ctx, auditPath+"?"+query.Encode(), &page); err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < most || len(all) == q.limit {
			slices.Reverse(all)
			return all, nil
		}
		query.Set("before", strconv.FormatInt(page[len(page)-1].Number, 10))
	}
}

// auditLines writes records for people: a line each, and one below with the
// reason where something went wrong.
func auditLines(list []audit.Record, zone *time.Location) string {
	rows := make([][5]string, len(list))
	var widths [5]int
	for i := range list {
		r := &list[i]
		rows[i] = [5]string{strconv.FormatInt(r.Number, 10), r.Time.In(zone).Format(time.DateTime), auditOutcome(r), auditWho(r), auditWhat(r)}
		for c, text := range rows[i] {
			widths[c] = max(widths[c], len([]rune(text)))
		}
	}
	var b strings.Builder
	for i, row := range rows {
		fmt.Fprintf(&b, "%*s  %s  %-*s  %-*s  %s\n", widths[0], row[0], row[1], widths[2], row[2], widths[3], row[3], row[4])
		if why := list[i].Why; why != "" {
			fmt.Fprintf(&b, "%*s%s\n", widths[0]+2, "", why)
		}
	}
	return b.String()
}

func auditOutcome(r *audit.Record) string {
	text := string(r.Outcome)
	if r.Status != 0 {
		text += " " + strconv.Itoa(r.Status)
	}
	return text
}

func auditWho(r *audit.Record) string {
	who := cmp.Or(r.Who.Name, "somebody")
	switch {
	case r.Who.Role == "drover", r.Who.Role == "":
	case r.Who.Tenant != "":
		who += " (" + string(r.Who.Role) + " " + r.Who.Tenant + ")"
	default:
		who += " (" + string(r.Who.Role) + ")"
	}
	if r.From != "" {
		who += " @ " + r.From
	}
	return who
}

// auditWhat is what was done, to which nodes, for which session, and how often.
func auditWhat(r *audit.Record) string {
	parts := []string{strings.TrimSpace(r.Method + " " + r.Path)}
	if r.Session != "" && !strings.Contains(r.Path, r.Session) && !strings.Contains(r.Who.Name, r.Session) {
		parts = append(parts, "session "+r.Session)
	}
	if r.What != "" {
		parts = append(parts, r.What)
	}
	if r.Nodes != "" && !strings.Contains(r.Path, r.Nodes) {
		parts = append(parts, r.Nodes)
	}
	if r.Unnamed > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", r.Unnamed))
	}
	if r.Count > 0 {
		times := fmt.Sprintf("%d times", r.Count)
		if r.Outcome == audit.Noted {
			times = fmt.Sprintf("%d records", r.Count)
		}
		if r.Until != nil {
			times += fmt.Sprintf(" in %v", r.Until.Sub(r.Time).Round(time.Second))
		}
		parts = append(parts, times)
	}
	return strings.Join(parts, "  ")
}

func (a *app) auditVerify() *cobra.Command {
	var head string
	cmd := a.verb("verify", "Check that every record is there as it was written", arguments(), func(cmd *cobra.Command, g *globals, _ []string) error {
		s, err := a.open(g)
		if err != nil {
			return err
		}
		query := ""
		if head != "" {
			query = "?" + url.Values{"head": {head}}.Encode()
		}
		endless := *s.gateway.http
		endless.Timeout = 0 // it reads all that is kept
		s.gateway.http = &endless
		var r audit.Report
		if err := s.get(cmd.Context(), auditPath+"/verify"+query, &r); err != nil {
			return err
		}
		if s.asData {
			err = s.print(r)
		} else if r.Whole {
			_, err = fmt.Fprint(a.Stdout, auditVerdict(&r))
		}
		if err == nil && !r.Whole {
			err = failed("the audit log is broken at record %d: %s", r.At, r.Broken)
		}
		return err
	})
	cmd.Long = "Check that every record of the audit log is there as it was written, and print its head: the number and the hash of the newest record.\n" +
		"Note that elsewhere. Given with --head later, it proves that no record up to it was rewritten since."
	cmd.Flags().StringVar(&head, "head", "", "a head that was noted before, NUMBER:HASH")
	return cmd
}

func auditVerdict(r *audit.Report) string {
	text := fmt.Sprintf("whole: %d records, from %d to %d\n", r.Records, r.First, r.Head.Number)
	if r.Since != nil {
		text += fmt.Sprintf("nothing up to record %d was rewritten since its hash was noted\n", r.Since.Number)
	}
	return text + "head: " + r.Head.String() + "\n"
}
