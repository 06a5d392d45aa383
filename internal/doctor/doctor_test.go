package doctor

import (
	"context"
	"errors"
	"testing"
	"time"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestEachKindIsJudged(t *testing.T) {
	const gib = 1 << 30
	type judged struct {
		status Status
		words  string
	}
	of := func(s Status, words, advice string) judged {
		if (s == OK) != (advice == "") {
			t.Errorf("%s: advice %q", words, advice)
		}
		return judged{s, words}
	}
	for name, c := range map[string]struct{ got, want judged }{
		"much room":        {of(Disk(60*gib, 100*gib)), judged{OK, "60.0 GiB of 100.0 GiB are free for the data directory"}},
		"little room":      {of(Disk(4*gib, 10*gib)), judged{Warning, "4.0 GiB of 10.0 GiB are free for the data directory"}},
		"a small share":    {of(Disk(9*gib, 1000*gib)), judged{Failed, "9.0 GiB of 1000.0 GiB are free for the data directory"}},
		"less than a part": {of(Disk(40*gib, 1000*gib)), judged{Warning, "40.0 GiB of 1000.0 GiB are free for the data directory"}},
		"no room":          {of(Disk(100<<20, 2*gib)), judged{Failed, "100 MiB of 2.0 GiB are free for the data directory"}},
		"valid":            {of(Certificate(noon.AddDate(1, 0, 0), noon)), judged{OK, "it counts until 2027-01-02"}},
		"ending":           {of(Certificate(noon.AddDate(0, 0, 3), noon)), judged{Warning, "it ends on 2026-01-05, in 3 days"}},
		"ended":            {of(Certificate(noon.AddDate(0, 0, -1), noon)), judged{Failed, "it ended on 2026-01-01"}},
		"same clock":       {of(Clock(-time.Second)), judged{OK, "the server's and this machine's agree to 5s"}},
		"ahead":            {of(Clock(20 * time.Second)), judged{Warning, "the server's is 20s ahead of this machine's"}},
		"behind":           {of(Clock(-2 * time.Hour)), judged{Failed, "the server's is 2h0m0s behind this machine's"}},
		"ready":            {of(Ready("do", nil)), judged{OK, "answers"}},
		"not ready":        {of(Ready("do", errors.New("no"))), judged{Failed, "no"}},
	} {
		if c.got != c.want {
			t.Errorf("%s: %+v; want %+v", name, c.got, c.want)
		}
	}
}

func TestACheckThatDoesNotEndHasFailed(t *testing.T) {
	never := make(chan struct{})
	defer close(never)
	got := All(t.Context(), 10*time.Millisecond, []Ask{
		{"slow", func(context.Context) (Status, string, string) { <-never; return OK, "", "" }},
		{"quick", func(context.Context) (Status, string, string) { return OK, "well", "" }}})
	if got[0].Status != Failed || got[0].Words != "no answer in 10ms" || got[1] != (Check{"quick", OK, "well", ""}) {
		t.Errorf("%+v", got)
	}
}
