package lead_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/lead"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	storetest.StopPostgres()
	os.Exit(code)
}

// table stands in a test's place of the database.
type table struct {
	*testing.T
	url  string
	conn *pgx.Conn
}

func open(t *testing.T) table {
	t.Helper()
	url := storetest.Postgres(t)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return table{t, url, conn}
}

func (d table) join(id string, schema int64) *lead.Lease {
	d.Helper()
	l, err := lead.Join(d.Context(), d.url, lead.Member{ID: id, URL: "http://" + id, Schema: schema}, time.Now)
	if err != nil {
		d.Fatal(err)
	}
	return l
}

func (d table) exec(text string) {
	d.Helper()
	if _, err := d.conn.Exec(d.Context(), text); err != nil {
		d.Fatal(err)
	}
}

// until waits for a state in which holds is true.
func until(t *testing.T, l *lead.Lease, what string, holds func(lead.State) bool) lead.State {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		s, changed := l.State()
		if holds(s) {
			return s
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("waited for %s in vain: %+v", what, s)
		}
	}
}

func leads(s lead.State) bool { return s.Leading }

func TestOneLeadsAndTheOtherTakesOver(t *testing.T) {
	d := open(t)
	one := d.join("one", 1)
	two := d.join("two", 1)
	defer two.Stop(0)
	if s, _ := one.State(); !s.Leading || s.Leader.ID != "one" {
		t.Errorf("the first: %+v", s)
	}
	if s, _ := two.State(); s.Leading || s.Leader.URL != "http://one" || s.Alone {
		t.Errorf("the second: %+v", s)
	}
	until(t, one, "the other to be known", func(s lead.State) bool { return !s.Alone })
	if err := one.Sure(t.Context()); err != nil {
		t.Error(err)
	}
	one.Stop(0)
	s := until(t, two, "the lease that was given up", leads)
	if s.Leader.ID != "two" || s.Quiet != 0 || s.Again {
		t.Errorf("%+v", s)
	}
}

// A holder whose renewals do not arrive stops being sure before another has the
// lease, and has lost it once it hears so.
func TestHolderIsNotSureOnceAnotherCanHaveTheLease(t *testing.T) {
	d := open(t)
	one := d.join("one", 1)
	defer one.Stop(0)
	two := d.join("two", 1)
	defer two.Stop(0)
	until(t, one, "the other to be known", func(s lead.State) bool { return !s.Alone })
	d.exec("UPDATE drover_lead SET expires = now() - interval '1 second', holder = 'three', term = term + 1")
	select {
	case <-one.Lost():
	case <-time.After(10 * time.Second):
		t.Fatal("the first does not notice")
	}
	if err := one.Sure(t.Context()); err == nil {
		t.Error("it is sure of what it has lost")
	}
	if left := one.Left(); left != 0 {
		t.Errorf("%v left of what it has lost", left)
	}
	if s := until(t, two, "the lease", leads); s.Quiet <= 0 || s.Again {
		t.Errorf("it has been given up: %+v", s)
	}
}

// While the database does not answer the holder is not sure; when it does again,
// and nobody else had the lease, all is as before.
func TestHolderGoesOnAfterAnOutage(t *testing.T) {
	d := open(t)
	one := d.join("one", 1)
	defer one.Stop(0)
	tx, err := d.conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE drover_members"); err != nil {
		t.Fatal(err)
	}
	until(t, one, "an error", func(s lead.State) bool { return s.Err != nil })
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := one.Sure(ctx); err == nil && one.Left() < lead.Margin {
		t.Error("it is sure")
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, one, "an answer", func(s lead.State) bool { return s.Err == nil && s.Leading })
	if err := one.Sure(t.Context()); err != nil {
		t.Error(err)
	}
}

// Who came after the holder's last renewal is not known to it, and waits.
func TestUnknownMemberWaits(t *testing.T) {
	d := open(t)
	d.join("one", 1).Stop(0)
	d.exec("UPDATE drover_lead SET holder = 'gone', url = '', renewed = now() - interval '9 seconds', expires = now() - interval '5 seconds'")
	two := d.join("two", 1)
	defer two.Stop(0)
	for range 3 {
		s, changed := two.State()
		if s.Leading {
			t.Fatal("it took what may still be used")
		}
		<-changed
	}
	d.exec("UPDATE drover_lead SET expires = now() - interval '301 seconds'")
	until(t, two, "the lease", leads)
}

// The same data directory's next server does not wait for its own lease.
func TestServerTakesUpItsOwnLease(t *testing.T) {
	d := open(t)
	d.join("one", 1).Stop(0)
	d.exec("UPDATE drover_lead SET holder = 'one', renewed = now(), expires = now() + interval '1 hour'")
	again := d.join("one", 1)
	defer again.Stop(0)
	if s, _ := again.State(); !s.Leading || s.Quiet != 0 || !s.Again {
		t.Errorf("%+v", s)
	}
}

// Of a data directory's copies only one has a server.
func TestOnlyOneServerHasAName(t *testing.T) {
	t.Parallel()
	d := open(t)
	one := d.join("one", 1)
	defer one.Stop(0)
	copied, err := lead.Join(t.Context(), d.url, lead.Member{ID: "one", URL: "http://copy", Schema: 1}, time.Now)
	if !fault.Is(err, fault.Conflict) {
		t.Errorf("a second server of the name: %v", err)
	}
	if err == nil {
		copied.Stop(0)
	}
	select {
	case <-one.Lost():
		t.Error("it has the first one's lease")
	default:
	}
}

// The name of a process that died is free, though the database does not hear so.
func TestNameOfASilentProcessIsFree(t *testing.T) {
	t.Parallel()
	d := open(t)
	silent, err := pgx.Connect(t.Context(), d.url)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close(context.Background())
	if _, err := silent.Exec(t.Context(), "SET idle_session_timeout = 1000; SELECT pg_advisory_lock(1148349794, hashtext('one'))"); err != nil {
		t.Fatal(err)
	}
	d.join("one", 1).Stop(0)
}

// Who takes the place of one that took another's place, and gave it up or died
// soon, is as quiet as that one had to be.
func TestQuietOutlastsTheOneThatHasToBe(t *testing.T) {
	d := open(t)
	d.join("one", 1).Stop(0)
	d.exec("UPDATE drover_lead SET holder = 'gone', expires = now() - interval '6 minutes'")
	two := d.join("two", 1)
	if s, _ := two.State(); !s.Leading || s.Quiet != lead.Quiet || s.Again {
		t.Errorf("%+v", s)
	}
	two.Stop(0)
	two = d.join("two", 1)
	if s, _ := two.State(); !s.Leading || s.Quiet == 0 || !s.Again {
		t.Errorf("the same, again: %+v", s)
	}
	two.Stop(0)
	three := d.join("three", 1)
	defer three.Stop(0)
	if s, _ := three.State(); !s.Leading || s.Quiet == 0 || s.Again {
		t.Errorf("the next: %+v", s)
	}
}

func TestMemberOfAnOlderVersionDoesNotLead(t *testing.T) {
	d := open(t)
	db, err := store.Open(t.Context(), d.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	old := d.join("old", store.Schema()-1)
	defer old.Stop(0)
	if s, _ := old.State(); s.Leading || s.Err == nil {
		t.Errorf("%+v", s)
	}
	now := d.join("now", store.Schema())
	defer now.Stop(0)
	until(t, now, "the lease", leads)
	s := until(t, old, "the other", func(s lead.State) bool { return s.Leader.ID == "now" })
	if s.Err == nil || s.Leading {
		t.Errorf("%+v", s)
	}
}
