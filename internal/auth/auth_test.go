package auth

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

func TestMain(m *testing.M) { code := m.Run(); storetest.StopPostgres(); os.Exit(code) }

var (
	nobody   *Identity
	auditor  = &Identity{Name: "anna", Role: Auditor}
	operator = &Identity{Name: "otto", Role: Operator}
	tenant   = &Identity{Name: "tina", Role: TenantAdmin, Tenant: "vcluster-blue"}
	admin    = &Identity{Name: "ada", Role: Administrator}
	session  = &Identity{Name: "session s", Role: Job, Kind: Session, ID: "s"}
	agent    = &Identity{Name: "agent a", Role: Job, Kind: Agent}
	network  = &Identity{Name: "network", Role: Job, Kind: Network}
	aNode    = &Identity{Name: "x1000c0s0b0n0", Role: Node}
	git      = &Identity{Name: "git", Role: Job, Kind: Git}
)

// What each may do, said by hand: the table is not asked what it says.
func TestWhoMayDoWhat(t *testing.T) {
	rules := NewRules(Table)
	everybody := []*Identity{nobody, auditor, operator, tenant, admin, session, agent, git, network}
	for operation, may := range map[string][]*Identity{
		"GET /livez":                                                   everybody,
		"GET /apis/cfs/healthz":                                        everybody,
		"GET /metrics":                                                 {auditor, operator, admin},
		"GET /":                                                        {auditor, operator, admin},
		"GET /apis/bos/v2/components":                                  {auditor, operator, tenant, admin},
		"GET /apis/bos/v2/options":                                     {auditor, operator, admin, agent},
		"POST /apis/bos/v2/sessions":                                   {operator, tenant, admin},
		"DELETE /apis/bos/v2/sessions/x":                               {operator, tenant, admin},
		"PATCH /apis/bos/v2/components":                                {operator, admin},
		"PATCH /apis/bos/v2/components/x1000c0s0b0n0":                  {nobody, operator, admin},
		"PATCH /apis/bos/v2/options":                                   {admin},
		"PATCH /apis/bos/v1/session/i/status/a":                        {operator, admin, agent},
		"POST /apis/bos/v1/session":                                    {operator, admin},
		"DELETE /apis/bos/v1/session/i":                                {operator, admin},
		"GET /apis/bos/v1/session/i":                                   {auditor, operator, admin, agent},
		"GET /apis/bos/v1/session/i/log":                               {auditor, operator, admin},
		"POST /apis/cfs/v3/sessions":                                   {operator, admin},
		"PATCH /apis/cfs/v3/components/x1000c0s0b0n0":                  {nobody, operator, admin, session, agent},
		"PUT /apis/cfs/v3/components":                                  {operator, admin},
		"PATCH /apis/cfs/v3/components":                                {operator, admin, session, agent},
		"PATCH /apis/cfs/v3/sessions/s":                                {operator, admin, session},
		"GET /apis/cfs/v3/components":                                  {auditor, operator, admin, session, agent},
		"GET /apis/cfs/v3/sessions":                                    {auditor, operator, admin},
		"GET /apis/cfs/v3/sessions/s":                                  {auditor, operator, admin, session},
		"GET /apis/cfs/v3/sessions/s/log":                              {auditor, operator, admin},
		"GET /apis/cfs/v2/sessions":                                    {auditor, operator, admin},
		"DELETE /apis/cfs/v3/sessions/s":                               {operator, admin},
		"PUT /apis/cfs/v3/configurations/c":                            {operator, admin},
		"POST /apis/cfs/v3/sources":                                    {admin},
		"PATCH /apis/cfs/v2/options":                                   {admin},
		"POST /apis/smd/hsm/v2/State/Components/Query":                 {auditor, operator, admin, session, agent},
		"PATCH /apis/smd/hsm/v2/State/Components/x0c0s0b0n0/Role":      {admin},
		"PATCH /apis/smd/hsm/v2/State/Components/x0c0s0b0n0/StateData": {nobody, admin},
		"POST /apis/smd/hsm/v2/Inventory/RedfishEndpoints":             {admin},
		"POST /apis/power-control/v1/transitions":                      {operator, admin},
		"POST /apis/power-control/v1/power-status":                     {auditor, operator, admin},
		"POST /apis/power-control/transitions":                         {operator, admin},
		"POST /apis/power-control/power-status":                        {auditor, operator, admin},
		"GET /apis/power-control/liveness":                             everybody,
		"POST /apis/capmc/capmc/v1/xname_off":                          {operator, admin, agent},
		"POST /apis/capmc/capmc/v1/xname_reinit":                       {operator, admin},
		"POST /apis/capmc/capmc/v1/node_off":                           {operator, admin},
		"POST /apis/capmc/capmc/v1/get_xname_status":                   {auditor, operator, admin, agent},
		"GET /apis/bss/boot/v1/bootscript":                             {nobody, operator, admin},
		"GET /apis/bss/boot/v1/bootparameters":                         {operator, admin, agent},
		"PUT /apis/bss/boot/v1/bootparameters":                         {operator, admin, agent},
		"PATCH /apis/bss/boot/v1/bootparameters":                       {operator, admin},
		"DELETE /apis/ims/v3/images/i":                                 {operator, admin},
		"PATCH /apis/ims/v3/images/i":                                  {operator, admin},
		"POST /apis/ims/v3/jobs":                                       {operator, admin, session},
		"DELETE /apis/ims/v3/public-keys/k":                            {operator, admin, session},
		"PUT /apis/sts/token":                                          {operator, admin},
		"POST /apis/tapms/v1alpha3/tenants":                            {admin},
		"POST /apis/smd/hsm/v2/Inventory/EthernetInterfaces":           {admin, network},
		"PATCH /apis/smd/hsm/v2/Inventory/EthernetInterfaces/a4":       {admin, network},
		"GET /apis/drover/v1/audit":                                    {auditor, admin},
		"GET /apis/drover/v1/audit/verify":                             {auditor, admin},
		"DELETE /apis/drover/v1/audit":                                 {admin},
		"GET /apis/drover/v1/tokens":                                   {admin},
		"POST /apis/drover/v1/tokens":                                  {admin},
		"PATCH /apis/drover/v1/sim/nodes/x":                            {admin},
		"GET /vcs/cray/a.git/info/refs":                                {auditor, operator, admin, session, git},
		"GET /vcs/cray/a.git/info/refs?service=git-upload-pack":        {auditor, operator, admin, session, git},
		"GET /vcs/cray/a.git/info/refs?service=git-receive-pack":       {operator, admin},
		"POST /vcs/cray/a.git/git-receive-pack":                        {operator, admin},
		"POST /apis/something/new":                                     {admin},
		"GET /apis/something/new":                                      {admin},
	} {
		method, path, _ := strings.Cut(operation, " ")
		rule := rules.Of(httptest.NewRequest(method, path, nil))
		for _, who := range everybody {
			want := false
			for _, m := range may {
				want = want || m == who
			}
			err := rule.Allows(who)
			if (err == nil) != want {
				t.Errorf("%s by %+v: %v, want %t", operation, who, err, want)
			}
			if kind := fault.KindOf(err); err != nil && (kind == fault.Unauthenticated) != (who == nil) {
				t.Errorf("%s by %+v: kind %d", operation, who, kind)
			}
		}
	}
}

func TestTokensCountUntilTheyExpireOrAreRevoked(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, db *store.DB) {
		now := time.Now()
		tokens := NewTokens(db, func() time.Time { return now })
		for _, c := range []struct {
			field string
			bad   Token
		}{
			{"name", Token{Role: Operator}}, {"role", Token{Name: "a", Role: Node}}, {"tenant", Token{Name: "a", Role: TenantAdmin}},
			{"name", Token{Name: "a\x1b[2J", Role: Operator}}, {"tenant", Token{Name: "a", Role: TenantAdmin, Tenant: "b\x07"}},
		} {
			if _, _, err := tokens.Create(t.Context(), c.bad, time.Hour); !fault.Is(err, fault.Invalid) || !strings.HasPrefix(err.Error(), c.field+":") {
				t.Errorf("%s: %v", c.field, err)
			}
		}
		made, text, err := tokens.Create(t.Context(), Token{Name: "nightly", Role: TenantAdmin, Tenant: "blue"}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		who, err := tokens.Identify(t.Context(), text)
		if err != nil || !reflect.DeepEqual(*who, Identity{Name: "nightly", Role: TenantAdmin, Tenant: "blue", Subject: made.ID}) {
			t.Fatal(who, err)
		}
		other := text[:len(text)-1] + "_"
		if who, err := tokens.Identify(t.Context(), other); who != nil || !fault.Is(err, fault.Unauthenticated) {
			t.Error(who, err)
		}
		if who, err := tokens.Identify(t.Context(), "another kind"); who != nil || err != nil {
			t.Error(who, err)
		}
		now = now.Add(time.Hour)
		if who, err := tokens.Identify(t.Context(), text); who != nil || !fault.Is(err, fault.Unauthenticated) {
			t.Error("after its end:", who, err)
		}
		now = now.Add(-time.Minute)
		if err := tokens.Revoke(t.Context(), made.ID); err != nil {
			t.Fatal(err)
		}
		if who, err := tokens.Identify(t.Context(), text); who != nil || !fault.Is(err, fault.Unauthenticated) {
			t.Error("revoked:", who, err)
		}
		if err := tokens.Revoke(t.Context(), made.ID); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
	})
}

// A job's token is for that job, and for as long as it runs.
func TestJobsTokenEndsWithTheJob(t *testing.T) {
	alive := map[string]bool{"session s.1 first": true, "agent s.1 ": true}
	site := NewSite([]byte("secret of the test"))
	site.Alive = func(_ context.Context, kind Kind, id, run string) bool { return alive[string(kind)+" "+id+" "+run] }
	token := site.JobToken(Session, "s.1", "first")
	if who, err := site.Identify(t.Context(), token); err != nil || who.Role != Job || who.Kind != Session || who.ID != "s.1" {
		t.Fatal(who, err)
	}
	for what, bad := range map[string]string{
		"another kind":    strings.Replace(token, "session", "agent", 1),
		"another site's":  NewSite([]byte("another")).JobToken(Session, "s.1", "first"),
		"an ended job's":  site.JobToken(Session, "s.2", "first"),
		"of no run":       site.JobToken(Session, "s.1", ""),
		"a run's of old":  site.JobToken(Session, "s.1", "zeroth"),
		"half":            token[:len(token)-9],
		"local, of other": NewSite([]byte("another")).Token(),
	} {
		if who, err := site.Identify(t.Context(), bad); who != nil || !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: %v, %v", what, who, err)
		}
	}
	alive["session s.1 first"] = false
	if who, err := site.Identify(t.Context(), token); who != nil || !fault.Is(err, fault.Unauthenticated) {
		t.Error(who, err)
	}
	if who, err := site.Identify(t.Context(), site.Token()); err != nil || who.Role != Administrator {
		t.Error(who, err)
	}
}

// fixed knows tokens by heart.
type fixed map[string]*Identity

func (f fixed) Identify(_ context.Context, token string) (*Identity, error) { return f[token], nil }

func TestGateAnswersBeforeTheServices(t *testing.T) {
	var seen *http.Request
	gate := &Gate{Rules: NewRules(Table), Sources: []Source{fixed{"o": operator, "t": tenant, "s": session}},
		Next: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r })}
	ask := func(method, path string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		seen = nil
		gate.ServeHTTP(w, r)
		if (seen != nil) != (w.Code == http.StatusOK) {
			t.Errorf("%s %s: %d, and the services were asked: %t", method, path, w.Code, seen != nil)
		}
		return w
	}
	const sessions = "/apis/bos/v2/sessions"
	if w := ask("POST", sessions); w.Code != 401 || len(w.Header()["Www-Authenticate"]) != 2 || !strings.Contains(w.Body.String(), `"status":401`) {
		t.Error(w.Code, w.Header(), w.Body)
	}
	if w := ask("POST", sessions, "Authorization", "Bearer x"); w.Code != 401 {
		t.Error(w.Code, w.Body)
	}
	if w := ask("POST", sessions, "Authorization", "bearer o"); w.Code != 200 || Of(seen.Context()) != operator {
		t.Error(w.Code, w.Body)
	}
	basic := httptest.NewRequest("GET", "/", nil)
	basic.SetBasicAuth("anybody", "o")
	if w := ask("GET", "/", "Authorization", basic.Header.Get("Authorization")); w.Code != 200 {
		t.Error(w.Code, w.Body)
	}
	if w := ask("PATCH", "/apis/bos/v2/options", "Authorization", "Bearer o"); w.Code != 403 || !strings.Contains(w.Body.String(), "otto is in the role operator: this takes the right settings, of the role administrator") {
		t.Error(w.Code, w.Body)
	}
	if w := ask("POST", sessions, "Authorization", "Bearer t"); w.Code != 200 || seen.Header.Get(TenantHeader) != "vcluster-blue" {
		t.Error(w.Code, w.Body)
	}
	if w := ask("POST", sessions, "Authorization", "Bearer t", TenantHeader, "vcluster-red"); w.Code != 403 {
		t.Error(w.Code, w.Body)
	}
	if w := ask("PATCH", "/apis/cfs/v3/sessions/s", "Authorization", "Bearer s"); w.Code != 200 {
		t.Error(w.Code, w.Body)
	}
	for _, method := range []string{"PATCH", "GET"} {
		if w := ask(method, "/apis/cfs/v3/sessions/other", "Authorization", "Bearer s"); w.Code != 403 {
			t.Errorf("%s of another session by a job: %d", method, w.Code)
		}
	}
	for _, w := range []*httptest.ResponseRecorder{
		ask("GET", "/vcs/cray/a.git/info/refs?service=git-upload-pack", "Authorization", "Bearer t"),
		ask("GET", "/vcs/cray/a.git/info/refs?service=git-receive-pack", "Authorization", "Bearer s"),
	} {
		if w.Code != 403 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") || !strings.Contains(w.Body.String(), "this takes the right ") {
			t.Error("git shows nobody why it was refused:", w.Code, w.Header(), w.Body)
		}
	}
	if w := ask("GET", "/livez", "Authorization", "Bearer x"); w.Code != 200 {
		t.Error("probes are not asked for tokens:", w.Code)
	}
}

func TestCommandsFindTheTokenOfAServerOfTheSameUser(t *testing.T) {
	home := t.TempDir()
	env := map[string]string{"HOME": home}
	getenv := func(key string) string { return env[key] }
	file := filepath.Join(home, "token")
	if err := os.WriteFile(file, []byte("drover-local-x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	forget, err := PointTo(getenv, "http://127.0.0.1:8080", file, "/etc/site/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	for server, want := range map[string]string{"http://127.0.0.1:8080": "drover-local-x", "http://localhost:8080": "drover-local-x", "http://127.0.0.1:8081": "", "http://boot:8080": ""} {
		if got, err := Find(getenv, server); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", server, got, err, want)
		}
	}
	if got := AuthoritiesOf(getenv, "http://localhost:8080"); got != "/etc/site/ca.pem" {
		t.Errorf("authorities: %q", got)
	}
	forget()
	if got, err := Find(getenv, "http://127.0.0.1:8080"); err != nil || got != "" {
		t.Errorf("of a server that has ended: %q, %v", got, err)
	}
	if _, err := PointTo(getenv, "http://127.0.0.1:8081", filepath.Join(home, "deleted", "token"), ""); err != nil {
		t.Fatal(err)
	}
	if got, err := Find(getenv, "http://127.0.0.1:8081"); err != nil || got != "" {
		t.Errorf("of a server that was killed, and its data directory deleted: %q, %v", got, err)
	}
	env[TokenFileVariable] = file
	if got, err := Find(getenv, "http://boot:8080"); err != nil || got != "drover-local-x" {
		t.Errorf("%q, %v", got, err)
	}
	env[TokenFileVariable] = filepath.Join(home, "none")
	if _, err := Find(getenv, "http://boot:8080"); err == nil || !strings.Contains(err.Error(), TokenFileVariable) {
		t.Errorf("a file that is not there: %v", err)
	}
	for text, want := range map[string]string{ // of what commands and logins print
		`{"id": "x", "role": "operator", "token": "drover-api-x"}`: "drover-api-x",
		`{"access_token": "eyJ", "expires_in": 300}`:               "eyJ",
		"id = \"x\"\ntoken = \"drover-api-x\"\n":                   "",
		`{"id": "x"}`:                                              "",
		"":                                                         "",
	} {
		env[TokenFileVariable] = file
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := Find(getenv, "http://boot:8080"); got != want || (err == nil) != (want != "") || err != nil && !strings.Contains(err.Error(), file+": "+NoTokenInFile) {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}

// Which calls become records, said by hand: what nodes and jobs report as a matter
// of course does not.
func TestWhatIsRecorded(t *testing.T) {
	rules := NewRules(Table)
	for operation, of := range map[string]map[*Identity]bool{
		"GET /apis/bos/v2/components":                                  {admin: false, auditor: false},
		"PATCH /apis/bos/v2/components":                                {admin: true, operator: true},
		"PATCH /apis/bos/v2/components/x1000c0s0b0n0":                  {admin: true, aNode: false, nobody: false},
		"PATCH /apis/cfs/v3/components/x1000c0s0b0n0":                  {operator: true, aNode: false, session: false},
		"PATCH /apis/cfs/v3/components":                                {operator: true, session: false},
		"PATCH /apis/cfs/v3/sessions/s":                                {operator: true, session: false},
		"PATCH /apis/bos/v1/session/i/status/a":                        {operator: true, agent: false},
		"PATCH /apis/smd/hsm/v2/State/Components/x0c0s0b0n0/StateData": {admin: true, aNode: false},
		"PATCH /apis/smd/hsm/v2/Inventory/EthernetInterfaces/a4":       {admin: true, network: false},
		"POST /apis/smd/hsm/v2/State/Components/Query":                 {admin: false, session: false},
		"POST /apis/capmc/capmc/v1/xname_off":                          {operator: true, agent: true},
		"DELETE /apis/ims/v3/images/i":                                 {session: true},
		"PUT /apis/sts/token":                                          {operator: true},
		"GET /apis/bss/boot/v1/bootparameters":                         {operator: true, agent: true},
		"GET /apis/bss/user-data":                                      {operator: true, aNode: false, nobody: false},
		"GET /apis/bss/boot/v1/bootscript":                             {operator: true, nobody: false},
		"POST /apis/drover/v1/tokens":                                  {admin: true},
		"POST /vcs/cray/a.git/git-upload-pack":                         {operator: false, git: false},
		"POST /vcs/cray/a.git/git-receive-pack":                        {operator: true},
		"GET /apis/drover/v1/audit":                                    {auditor: false},
		"POST /apis/something/new":                                     {admin: true},
		"GET /apis/something/new":                                      {admin: false},
	} {
		method, path, _ := strings.Cut(operation, " ")
		rule := rules.Of(httptest.NewRequest(method, path, nil))
		for who, want := range of {
			if got := rule.Recorded(method, who); got != want {
				t.Errorf("%s by %v: recorded %v, want %v", operation, who, got, want)
			}
		}
	}
}
