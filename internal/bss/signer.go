package bss

import (
	"context"
	"net/url"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/s3"
)

const (
	// presignFor is how long a host has to fetch kernel and initrd.
	presignFor = 24 * time.Hour
	// presignedFresh is how long a presigned URL is given out again.
	presignedFresh = time.Hour
	// presignedKept bounds the URLs of one generation; there are two.
	presignedKept = 32_768
)

// signer presigns URLs and remembers them for a while: a host that asks again,
// in its retries or at its next boot, costs no signature.
type signer struct {
	presigner Presigner
	now       func() time.Time

	mu             sync.Mutex
	young, elderly map[signature]signed
}

type signature struct{ object, host string }

type signed struct {
	url string
	at  time.Time
}

// sign makes a URL by which the host can fetch the S3 object.
func (s *signer) sign(ctx context.Context, object, host string) (string, error) {
	key := signature{object, host}
	if url, ok := s.remembered(key); ok {
		return url, nil
	}
	at := s.now()
	url, err := s.presigner.Presign(ctx, object, presignFor, url.Values{s3.NodeParameter: {host}})
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.young == nil || len(s.young) >= presignedKept {
		s.young, s.elderly = map[signature]signed{}, s.young
	}
	s.young[key] = signed{url, at}
	return url, nil
}

func (s *signer) remembered(key signature) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, generation := range []map[signature]signed{s.young, s.elderly} {
		if u, ok := generation[key]; ok && s.now().Sub(u.at) < presignedFresh {
			return u.url, true
		}
	}
	return "", false
}
