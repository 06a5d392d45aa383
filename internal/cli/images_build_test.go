package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/drover-hpc/drover/internal/image"
	"github.com/drover-hpc/drover/internal/s3"
)

// imageService is the Image Management Service in a few lines, beside an
// object store.
type imageService struct {
	endpoint string
	creds    s3.Credentials
	records  []map[string]any
}

func (i *imageService) answer(w http.ResponseWriter, r *http.Request, body string) {
	switch r.Method + " " + r.URL.Path {
	case "PUT /apis/sts/token":
		fmt.Fprintf(w, `{"Credentials": {"AccessKeyId": %q, "SecretAccessKey": %q, "SessionToken": "", "EndpointURL": %q}}`,
			i.creds.AccessKey, i.creds.SecretKey, i.endpoint)
	case "GET /apis/ims/v3/images":
		json.NewEncoder(w).Encode(i.records) //nolint:errcheck // the client will see
	case "POST /apis/ims/v3/images":
		var record map[string]any
		json.Unmarshal([]byte(body), &record) //nolint:errcheck // is ours
		record["id"] = fmt.Sprintf("image-%d", len(i.records)+1)
		if m, ok := record["metadata"].(map[string]any); ok {
			record["metadata"] = map[string]any{m["key"].(string): m["value"]}
		}
		i.records = append(i.records, record)
		json.NewEncoder(w).Encode(record) //nolint:errcheck // as above
	default:
		var patch map[string]any
		json.Unmarshal([]byte(body), &patch) //nolint:errcheck // is ours
		i.records[len(i.records)-1]["link"] = patch["link"]
		io.WriteString(w, "{}")
	}
}

func TestBuiltImagesAreRegisteredOnce(t *testing.T) {
	address, creds, client := objectStore(t)
	b := newBench(t)
	service := &imageService{endpoint: address, creds: creds, records: []map[string]any{}}
	b.answer = service.answer
	dir := t.TempDir()
	for _, name := range image.Files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	s, err := newApp(Config{Stdout: &out, Stderr: io.Discard, Getenv: func(k string) string { return b.env[k] }}).open(new(globals))
	if err != nil {
		t.Fatal(err)
	}
	register := func(name, content, want string) *uploaded {
		t.Helper()
		got, err := s.registerImage(t.Context(), name, &image.Image{Dir: dir, Content: content})
		if err != nil {
			t.Fatal(err)
		}
		if got.ID != want {
			t.Errorf("%s of content %s is %s, want %s", name, content, got.ID, want)
		}
		return got
	}
	first := register("compute", "c1", "image-1")
	head, err := client.Head(t.Context(), "s3://boot-images/image-1/rootfs")
	if err != nil || first.Root != "root=live:s3://boot-images/image-1/rootfs rd.live.etag="+head.ETag {
		t.Errorf("root is %q, the object has %+v, %v", first.Root, head, err)
	}
	if again := register("compute", "c1", "image-1"); *again != *first {
		t.Errorf("found %+v, registered %+v", again, first)
	}
	register("login", "c1", "image-2")
	register("compute", "c2", "image-3")
	store, err := s.store(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := store.RemoveObject(t.Context(), imageBucket, "image-1/initrd", minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	register("compute", "c1", "image-4")

	if err := s.printImage(first, false); err != nil || !strings.HasSuffix(out.String(), "\nroot      "+first.Root+"\n") {
		t.Errorf("printed %q, %v", out.String(), err)
	}
}

func TestBuildOptions(t *testing.T) {
	b := newBench(t)
	for line, want := range map[string]string{
		"drover images build":                                "Missing option '--name'.",
		"drover images build --output x --variant alpine":    `variant "alpine": expected busybox or systemd`,
		"drover images build --output x --package --refresh": `package "--refresh"`,
		"drover images build --output x --mirror debian":     `mirror "debian": expected a URL`,
		"drover images build extra":                          "Got unexpected extra argument",
	} {
		if code, _, stderr := b.run(typed(line)...); code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d, %s", line, code, stderr)
		}
	}
}
