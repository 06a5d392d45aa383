package s3

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/versity/versitygw/s3err"
)

// AnyBucket is the bucket of a grant that is for the objects of all of them.
const AnyBucket = "*"

// Everything is what the keys of the store may do.
var Everything = Grant{Bucket: AnyBucket, Write: true, Setup: true}

// Grant is what a session may do in one bucket: read, and write if it says so.
type Grant struct {
	Bucket string `json:"b"`
	// Setup has it do what is not done with objects: make, delete and set up buckets.
	// It is for AnyBucket alone.
	Setup bool `json:"s,omitempty"`
	// Prefix is what the keys begin with that it is for; empty: all.
	Prefix string `json:"p,omitempty"`
	Write  bool   `json:"w,omitempty"`
}

// Reading is for reading in the buckets, and in those of the objects, which are
// s3:// URLs; what is none counts for nothing.
func Reading(buckets []string, objects ...string) (list []Grant) {
	for _, object := range objects {
		if u, err := ParseURL(object); err == nil {
			buckets = append(buckets[:len(buckets):len(buckets)], u.Bucket)
		}
	}
	for i, bucket := range buckets {
		if !slices.Contains(buckets[:i], bucket) {
			list = append(list, Grant{Bucket: bucket})
		}
	}
	return list
}

// Sessions gives credentials that end, and knows them again. They have no record:
// whoever has the keys of the store can tell them, and with other keys none of them
// counts any more.
type Sessions struct {
	key []byte
	now func() time.Time
}

// NewSessions returns the sessions of the store with these keys.
func NewSessions(keys Credentials, now func() time.Time) *Sessions {
	return &Sessions{hmacSHA256([]byte(keys.SecretKey), "drover sessions of the object store"), now}
}

const (
	// temporaryKey is what access keys of sessions begin with: clients and the
	// library know those by it.
	temporaryKey = "ASIA"
	// tokenForm is what tokens of sessions begin with.
	tokenForm     = "drover1."
	securityToken = "X-Amz-Security-Token"
)

// session is what a token says. Times are seconds since 1970.
type session struct {
	Access string  `json:"a"`
	Ends   int64   `json:"e"`
	Grants []Grant `json:"g"`
	// Policies are what all else is held against; those of whom it was asked for by are
	// among them.
	Policies []policy `json:"p,omitempty"`
}

// Give returns credentials for what is granted, and when they end.
func (s *Sessions) Give(lasts time.Duration, grants ...Grant) (Credentials, time.Time) {
	c, ends, _ := s.give(lasts, session{Grants: grants}) // as long as what is granted says
	return c, ends
}

// longestSession is how many bytes what a session says may have of a header, of which
// all together have 8 KiB.
const longestSession = 4 << 10

// give returns credentials of a session that begins now, and when they end; an error if
// it says more than a header can have.
func (s *Sessions) give(lasts time.Duration, made session) (c Credentials, ends time.Time, err error) {
	ends = s.now().Add(lasts).UTC().Truncate(time.Second)
	made.Access, made.Ends = temporaryKey+rand.Text()[:16], ends.Unix()
	text, _ := json.Marshal(made) // strings and numbers always encode
	if len(text) > longestSession {
		err = s3err.APIError{Code: "PackedPolicyTooLarge", HTTPStatusCode: http.StatusBadRequest,
			Description: "The policies of this session and of those that it was asked for by are too long together: ask with other keys, or for less."}
	}
	said := tokenForm + base64.RawURLEncoding.EncodeToString(text)
	return Credentials{AccessKey: made.Access, SecretKey: s.secret(said), SessionToken: said + "." + s.mac("token ", said)}, ends, err
}

func (s *Sessions) secret(said string) string { return s.mac("secret ", said) }

func (s *Sessions) mac(of, said string) string {
	return base64.RawURLEncoding.EncodeToString(hmacSHA256(s.key, of+said))
}

// open returns the session of the token, which has to be of the access key, and
// the secret that its holder signs with.
func (s *Sessions) open(access, token string) (*session, string, error) {
	i := strings.LastIndexByte(token, '.')
	if i < 0 || !hmac.Equal([]byte(token[i+1:]), []byte(s.mac("token ", token[:i]))) {
		return nil, "", s3err.GetAPIError(s3err.ErrInvalidToken)
	}
	said, _ := strings.CutPrefix(token[:i], tokenForm)
	text, err := base64.RawURLEncoding.DecodeString(said)
	var is session
	if err != nil || json.Unmarshal(text, &is) != nil || is.Access != access {
		return nil, "", s3err.GetAPIError(s3err.ErrInvalidToken)
	}
	if ends := time.Unix(is.Ends, 0); !s.now().Before(ends) {
		return nil, "", s3err.APIError{Code: "ExpiredToken", HTTPStatusCode: http.StatusBadRequest,
			Description: "The provided token expired at " + ends.UTC().Format(time.RFC3339) + "."}
	}
	return &is, s.secret(token[:i]), nil
}

// all tells whether the session may do what the keys of the store may.
func (s *session) all() bool {
	if len(s.Policies) > 0 {
		return false
	}
	for _, g := range s.Grants {
		if g == Everything {
			return true
		}
	}
	return false
}

// sees tells whether the session is for something in the bucket.
func (s *session) sees(bucket string) bool {
	for _, g := range s.Grants {
		if g.Bucket == AnyBucket || g.Bucket == bucket {
			return !slices.ContainsFunc(s.Policies, func(p policy) bool { return !p.names(bucket) })
		}
	}
	return false
}

// allowed tells whether no policy is against the action.
func (s *session) allowed(action, resource string, all bool) bool {
	return !slices.ContainsFunc(s.Policies, func(p policy) bool { return !p.allows(action, resource, all) })
}

// may tells whether the session may read, or write, what begins with the key.
func (s *session) may(bucket, key string, write bool) bool {
	for _, g := range s.Grants {
		if (g.Bucket == AnyBucket || g.Bucket == bucket) && strings.HasPrefix(key, g.Prefix) && (g.Write || !write) {
			return true
		}
	}
	return false
}

func hmacSHA256(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
