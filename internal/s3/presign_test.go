package s3

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Links are those of the library, but for when they begin.
func TestLinksAreThoseOfTheLibrary(t *testing.T) {
	for _, endpoint := range []string{"http://10.1.0.1:8081", "https://s3.example.org", "http://s3.example.org:80", "https://s3.amazonaws.com"} {
		client, err := NewClient(endpoint, keys)
		if err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(endpoint)
		library, err := minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4(keys.AccessKey, keys.SecretKey, ""),
			Secure: u.Scheme == "https", Region: region, BucketLookup: minio.BucketLookupPath})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"s3://boot-images/id/kernel", "s3://boot-images/a b/kérnel+1&=", "s3://ims/~x!/'(y)*"} {
			for _, node := range []string{"x1000c0s0b0n0", "02:00:00:00:00:01"} {
				of, _ := ParseURL(name)
				want, err := library.PresignedGetObject(t.Context(), of.Bucket, of.Key, 24*time.Hour, url.Values{NodeParameter: {node}})
				if err != nil {
					t.Fatal(err)
				}
				begins, err := time.Parse(amzDate, want.Query().Get("X-Amz-Date"))
				if err != nil {
					t.Fatal(err)
				}
				form, err := client.form(t.Context(), linkOf{name, 24 * time.Hour}, begins)
				if err != nil {
					t.Fatal(err)
				}
				// The library puts the signature last and sorts the rest, as here.
				if got := form.link(node); got != want.String() {
					t.Errorf("%s for %s\ngot  %s\nwant %s", name, node, got, want)
				}
			}
		}
	}
}

func TestLinksStayTheSameForAWhileAndThenAreNew(t *testing.T) {
	client, err := NewClient("http://10.1.0.1:8081", keys)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	client.presigner.now = func() time.Time { return now }
	link := func(node string) string {
		l, err := client.Presign(t.Context(), "s3://boot-images/id/kernel", node, 24*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	first := link("x1")
	if link("x2") == first {
		t.Error("two nodes have the same link")
	}
	now = now.Add(59 * time.Minute)
	if again := link("x1"); again != first {
		t.Errorf("within the hour\n%s\nbecame %s", first, again)
	}
	now = now.Add(time.Minute)
	next := link("x1")
	u, err := url.Parse(next)
	if err != nil || next == first || u.Query().Get("X-Amz-Date") != "20260301T130000Z" {
		t.Errorf("after an hour: %s, %v", next, err)
	}
}

// What is kept grows with the objects that are asked for, within a bound, not
// with the nodes.
func TestPresigningKeepsNothingOfNodes(t *testing.T) {
	client, err := NewClient("http://10.1.0.1:8081", keys)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 * maxForms {
		object := "s3://boot-images/" + strings.Repeat("x", i/maxForms) + "/" + time.Duration(i).String()
		if i < maxForms {
			object = "s3://boot-images/id/kernel"
		}
		if _, err := client.Presign(t.Context(), object, time.Duration(i).String(), time.Hour); err != nil {
			t.Fatal(err)
		}
		if kept := len(client.presigner.forms); kept > maxForms || i < maxForms && kept != 1 {
			t.Fatalf("%d forms are kept after %d links", kept, i)
		}
	}
}
