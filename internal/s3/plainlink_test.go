package s3

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A query that is taken as it stands is what version 4 signs.
func TestPlainLinksStandAsTheyAreSigned(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		query := "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=key%2F20260101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20260101T000000Z" +
			"&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=" + strings.Repeat("0", signatureLength) + "&x-drover-node=x1%2B&x-id=a"
		parts := strings.Split(query, "&")
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			i := rapid.IntRange(0, len(parts)-1).Draw(t, "part")
			switch rapid.IntRange(0, 3).Draw(t, "change") {
			case 0:
				parts = append(parts, parts[i])
			case 1:
				j := rapid.IntRange(0, len(parts)-1).Draw(t, "with")
				parts[i], parts[j] = parts[j], parts[i]
			case 2:
				parts[i] += rapid.SampledFrom([]string{"%", "%2b", "%2B", "%41", "+", "/", "=", ";", "a", "%2", "ü", "#"}).Draw(t, "more")
			default:
				parts = slices.Delete(parts, i, i+1)
			}
			if len(parts) == 0 {
				return
			}
		}
		query = strings.Join(parts, "&")
		var scope [64]byte
		link, ok := readPlainLink([]byte(query), scope[:])
		if !ok {
			return
		}
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatalf("%s is taken: %v", query, err)
		}
		values.Del("X-Amz-Signature")
		if want, got := strings.ReplaceAll(values.Encode(), "+", "%20"), string(link.query[0])+string(link.query[1]); got != want {
			t.Fatalf("%s\nis taken for %s\nbut signed is %s", query, got, want)
		}
	})
}
