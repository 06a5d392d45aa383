package s3

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

const located = `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>eu-north-7</LocationConstraint></CreateBucketConfiguration>`

// Clients name the region that they sign for when they create a bucket.
func TestBucketsAreCreatedWhateverTheirRegionIs(t *testing.T) {
	server := startServer(t)
	create := func(bucket, body string) *http.Request { return request(t, server, "PUT", "/"+bucket, "", body) }
	for i, region := range []string{"", "us-east-1", "eu-north-7"} {
		bucket := fmt.Sprintf("located-%d", i)
		if status, body := send(t, sdk(t, create(bucket, located), keys, region, located, time.Now())); status != 200 {
			t.Errorf("region %q: %d %s", region, status, body)
		}
		bucket += "-evil"
		evil := strings.Replace(located, "<Loc", "<!-- evil --><Loc", 1)
		if status, body := send(t, sdk(t, create(bucket, evil), keys, region, located, time.Now())); status != 400 {
			t.Errorf("region %q, another body than signed: %d %s, want 400", region, status, body)
		}
		if status, _ := send(t, sdk(t, create(bucket, located), Credentials{AccessKey: keys.AccessKey, SecretKey: "guess"}, region, located, time.Now())); status != 403 {
			t.Errorf("region %q, another secret: %d, want 403", region, status)
		}
		if status, _ := do(t, server, "HEAD", "/"+bucket, "", ""); status != 404 {
			t.Errorf("HEAD of what was refused: %d, want 404", status)
		}
	}
	if status, body := send(t, v2Header(create("located-v2", located), keys)); status != 200 {
		t.Errorf("version 2: %d %s", status, body)
	}
	client, err := minio.New(strings.TrimPrefix(server.Endpoint(), "http://"), &minio.Options{
		Creds: credentials.NewStaticV4(keys.AccessKey, keys.SecretKey, ""), Region: "eu-north-7"})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.MakeBucket(t.Context(), "located-minio", minio.MakeBucketOptions{Region: "eu-north-7"}); err != nil {
		t.Errorf("minio-go: %v", err)
	}
}
