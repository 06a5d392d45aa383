package auth

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// TokensTable is where the tokens are that Drover gives out itself.
const TokensTable = "auth_tokens"

// Token is one that Drover gave out. What it reads is known to its holder alone.
type Token struct {
	ID      string    `json:"id" doc:"Name of the token's record"`
	Name    string    `json:"name" doc:"Whose it is"`
	Role    Role      `json:"role" enum:"administrator,operator,auditor,tenant" doc:"What its holder may do"`
	Tenant  string    `json:"tenant,omitempty" doc:"Tenant, for the role tenant"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
}

// kept is a Token with what it is recognised by.
type kept struct {
	Token
	Hash []byte `json:"hash"` // SHA-256 of the token's text, which has more than 120 random bits
}

// Tokens are those of the site. One server writes them at a time.
type Tokens struct {
	table *store.Table[kept]
	now   func() time.Time

	mu      sync.RWMutex
	good    map[[sha256.Size]byte]verified // tokens that were shown
	changes int                            // of the table
}

// NewTokens returns the tokens that db keeps.
func NewTokens(db *store.DB, now func() time.Time) *Tokens {
	return &Tokens{now: now, table: store.NewTable(db, store.Spec[kept]{Name: TokensTable, Kind: "Token", Held: true, Key: func(k *kept) string { return k.ID }})}
}

// Create makes a token and returns its text, which is told this once.
func (t *Tokens) Create(ctx context.Context, want Token, lasts time.Duration) (Token, string, error) {
	if err := cmp.Or(fault.CheckName("name", want.Name), fault.CheckName("tenant", want.Tenant)); err != nil {
		return Token{}, "", err
	}
	switch {
	case strings.TrimSpace(want.Name) == "" || len(want.Name) > 100:
		return Token{}, "", fault.New(fault.Invalid, "name: expected 1 to 100 characters that say whose it is, got %d", len(want.Name))
	case !slices.Contains(Given, want.Role):
		return Token{}, "", fault.New(fault.Invalid, "role: expected one of %v, got %q", Given, want.Role)
	case (want.Role == TenantAdmin) != (want.Tenant != ""):
		return Token{}, "", fault.New(fault.Invalid, "tenant: expected a tenant with the role tenant, and with no other; got role %s and tenant %q", want.Role, want.Tenant)
	case lasts <= 0:
		return Token{}, "", fault.New(fault.Invalid, "lasts: expected a time above 0s, such as 720h, got %v", lasts)
	}
	want.ID, want.Created = strings.ToLower(rand.Text()[:10]), t.now().UTC().Truncate(time.Second)
	want.Expires = want.Created.Add(lasts)
	text := apiPrefix + want.ID + "-" + strings.ToLower(rand.Text())
	hash := hashOf(text)
	return want, text, t.table.Insert(ctx, kept{want, hash[:]})
}

// List returns the tokens, those that have expired among them.
func (t *Tokens) List(ctx context.Context) ([]Token, error) {
	list, err := t.table.List(ctx, store.Query{})
	out := make([]Token, len(list))
	for i := range list {
		out[i] = list[i].Token
	}
	return out, err
}

// Revoke ends a token at once.
func (t *Tokens) Revoke(ctx context.Context, id string) error {
	gone, err := t.table.Delete(ctx, id)
	t.mu.Lock()
	t.good = nil
	t.changes++
	t.mu.Unlock()
	if err == nil && len(gone) == 0 {
		err = fault.New(fault.NotFound, "token %q: there is none; `drover auth tokens list` names them", id)
	}
	return err
}

// Identify implements Source.
func (t *Tokens) Identify(ctx context.Context, token string) (*Identity, error) {
	rest, is := strings.CutPrefix(token, apiPrefix)
	if !is {
		return nil, nil
	}
	hash := hashOf(token)
	t.mu.RLock()
	v, good := t.good[hash]
	changes := t.changes
	t.mu.RUnlock()
	if !good {
		var err error
		if v, err = t.look(ctx, rest, hash); err != nil {
			return nil, err
		}
		t.remember(hash, v, changes)
	}
	if !t.now().Before(v.expires) {
		return nil, refused("it expired at " + v.expires.Format(time.RFC3339))
	}
	return v.who, nil
}

// hashOf is what tokens are known by. A copy of those that this server makes fits on
// the stack.
func hashOf(token string) [sha256.Size]byte {
	var short [64]byte
	if len(token) > len(short) {
		return sha256.Sum256([]byte(token))
	}
	return sha256.Sum256(short[:copy(short[:], token)])
}

// look is what the table says of the token.
func (t *Tokens) look(ctx context.Context, rest string, hash [sha256.Size]byte) (verified, error) {
	id, _, _ := strings.Cut(rest, "-")
	k, err := t.table.Get(ctx, id)
	switch {
	case fault.Is(err, fault.NotFound), err == nil && subtle.ConstantTimeCompare(hash[:], k.Hash) != 1:
		return verified{}, refused("it is not known here, or was revoked")
	case err != nil:
		return verified{}, err
	}
	return verified{&Identity{Name: k.Name, Role: k.Role, Tenant: k.Tenant, Subject: k.ID}, k.Expires}, nil
}

// remember keeps what was looked up, if no token was revoked meanwhile.
func (t *Tokens) remember(hash [sha256.Size]byte, v verified, changes int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.changes != changes {
		return
	}
	if t.good == nil || len(t.good) >= maxVerified {
		t.good = map[[sha256.Size]byte]verified{}
	}
	t.good[hash] = v
}
