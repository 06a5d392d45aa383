package s3

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// do sends a signed request.
func do(t *testing.T, server *Server, method, path, query, body string, headers ...string) (int, string) {
	t.Helper()
	req := request(t, server, method, path, query, body)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return send(t, sdk(t, req, keys, region, body, time.Now()))
}

// listing is what the listings have in common.
type listing struct {
	EncodingType, Prefix, Delimiter, Marker, NextMarker, StartAfter, KeyMarker, NextKeyMarker string
	IsTruncated                                                                               bool
	Contents, Version, Upload                                                                 []struct{ Key string }
	CommonPrefixes                                                                            []struct{ Prefix string }
}

func list(t *testing.T, server *Server, query string) listing {
	t.Helper()
	status, body := do(t, server, "GET", "/ims", query, "")
	var l listing
	if err := xml.Unmarshal([]byte(body), &l); status != 200 || err != nil {
		t.Fatalf("listing %s: %d %s, %v", query, status, body, err)
	}
	return l
}

func TestListingsAreEncodedWhenAsked(t *testing.T) {
	server := startServer(t)
	const folder, key, encodedFolder, encoded = "ü &/", "ü &/a+b%41<\x07>~.txt", "%C3%BC%20%26/", "%C3%BC%20%26/a%2Bb%2541%3C%07%3E~.txt"
	for _, k := range []string{key, folder + "second"} {
		if status, body := do(t, server, "PUT", "/ims/"+k, "", "x"); status != 200 {
			t.Fatalf("PUT: %d %s", status, body)
		}
	}
	if status, body := do(t, server, "POST", "/ims/"+key, "uploads=", ""); status != 200 {
		t.Fatalf("upload: %d %s", status, body)
	}
	first := func(l listing) string {
		for _, keys := range [][]struct{ Key string }{l.Contents, l.Version, l.Upload} {
			if len(keys) > 0 {
				return keys[0].Key
			}
		}
		return "none"
	}
	prefix := "&prefix=" + url.QueryEscape(folder)
	for name, query := range map[string]string{"objects": "max-keys=1", "objects, version 2": "list-type=2&max-keys=1", "versions": "versions=&max-keys=1", "uploads": "uploads="} {
		l := list(t, server, query+"&encoding-type=url"+prefix)
		if l.EncodingType != "url" || first(l) != encoded || l.Prefix != encodedFolder {
			t.Errorf("%s: encoding %q, key %q, prefix %q; want url, %q, %q", name, l.EncodingType, first(l), l.Prefix, encoded, encodedFolder)
		}
	}
	l := list(t, server, "max-keys=1&delimiter=/&encoding-type=url"+prefix)
	if l.NextMarker != encoded || !l.IsTruncated {
		t.Errorf("truncated listing: next marker %q, want %q", l.NextMarker, encoded)
	}
	l = list(t, server, "list-type=2&delimiter=%26&encoding-type=url&start-after=%20")
	if len(l.CommonPrefixes) != 1 || l.CommonPrefixes[0].Prefix != "%C3%BC%20%26" || l.Delimiter != "%26" || l.StartAfter != "%20" {
		t.Errorf("folders: %+v", l)
	}
	if plain := list(t, server, "list-type=2&start-after="+url.QueryEscape(key)+prefix); first(plain) != folder+"second" || plain.EncodingType != "" {
		t.Errorf("not asked for: %+v", plain)
	}
	if status, body := do(t, server, "GET", "/ims", "encoding-type=base64", ""); status != 400 || !strings.Contains(body, "InvalidArgument") {
		t.Errorf("unknown encoding: %d %s", status, body)
	}
}

func TestKeysThatADirectoryCannotHoldAreRefused(t *testing.T) {
	server := startServer(t)
	want := []string{"a/b", "t/x", "u/x/y"}
	for _, key := range want {
		if status, body := do(t, server, "PUT", "/ims/"+key, "", "kept"); status != 200 {
			t.Fatalf("PUT %s: %d %s", key, status, body)
		}
	}
	// What else names the same file or directory, or none, and what the refusal says.
	for key, why := range map[string]string{
		"a//b": "empty", "/a/b": "empty", "a/./b": `"."`, "c/../a/b": `".."`, ".sgwtmp/x": ".sgwtmp", "a/b/": "slash",
		"t/x/y": `"t/x"`, "t/x/y/z": `"t/x"`, "u/x": "begin", "u": "begin", strings.Repeat("n", 256): "255"} {
		t.Run(key, func(t *testing.T) {
			why = strings.ReplaceAll(why, `"`, "&#34;")
			wantNotKept(t, server, key, why)
			wantNotThere(t, server, key)
		})
	}
	var kept []string
	for _, o := range list(t, server, "list-type=2").Contents {
		kept = append(kept, o.Key)
	}
	if !slices.Equal(kept, want) {
		t.Errorf("kept %q, want %q", kept, want)
	}
	for _, key := range kept {
		wantObject(t, server, "/ims/"+key, "kept")
	}
}

func wantNotKept(t *testing.T, server *Server, key, why string) {
	t.Helper()
	for _, how := range []struct {
		what, method, query, body string
		headers                   []string
	}{{"PUT", "PUT", "", "new", nil}, {"upload in parts", "POST", "uploads=", "", nil}, {"copy", "PUT", "", "", []string{"X-Amz-Copy-Source", "/ims/a/b"}}} {
		status, answer := do(t, server, how.method, "/ims/"+key, how.query, how.body, how.headers...)
		if (status != 400 && status != 409) || !strings.Contains(answer, why) || !strings.Contains(answer, "files") {
			t.Errorf("%s: %d %s; want a refusal that says %s", how.what, status, answer, why)
		}
	}
}

func wantNotThere(t *testing.T, server *Server, key string) {
	t.Helper()
	for method, want := range map[string]int{"GET": 404, "HEAD": 404, "DELETE": 204} {
		if status, answer := do(t, server, method, "/ims/"+key, "", ""); status != want {
			t.Errorf("%s: %d %s, want %d as of any key that is not there", method, status, answer, want)
		}
	}
	if status, answer := do(t, server, "PUT", "/ims/copy", "", "", "X-Amz-Copy-Source", "/ims/"+url.PathEscape(key)); status != 404 {
		t.Errorf("copy of it: %d %s, want 404", status, answer)
	}
	many := fmt.Sprintf("<Delete><Object><Key>%s</Key></Object></Delete>", key)
	if status, answer := do(t, server, "POST", "/ims", "delete=", many, "X-Amz-Checksum-Crc32", crc32Of(many)); status != 200 || !strings.Contains(answer, "<Deleted>") {
		t.Errorf("DELETE of many: %d %s", status, answer)
	}
}

func TestFoldersAreKeys(t *testing.T) {
	server := startServer(t)
	if status, body := do(t, server, "PUT", "/ims/folder/", "", ""); status != 200 {
		t.Fatalf("PUT of a folder: %d %s", status, body)
	}
	if status, body := do(t, server, "PUT", "/ims/folder/x", "", "in it"); status != 200 {
		t.Fatalf("PUT in a folder: %d %s", status, body)
	}
	if status, _ := do(t, server, "HEAD", "/ims/folder/", "", ""); status != 200 {
		t.Errorf("HEAD of the folder: %d", status)
	}
	if status, body := do(t, server, "PUT", "/ims/with-data/", "", "data"); status != 400 || !strings.Contains(body, "with-data/") || !strings.Contains(body, "slash") {
		t.Errorf("folder with data: %d %s", status, body)
	}
}

func TestCannedACLsAreTaken(t *testing.T) {
	server := startServer(t)
	path := object
	for _, acl := range []string{"private", "public-read", "bucket-owner-full-control"} {
		if status, body := do(t, server, "PUT", path, "acl=", "", "X-Amz-Acl", acl); status != 200 {
			t.Errorf("%s: %d %s", acl, status, body)
		}
	}
	if status, _ := send(t, request(t, server, "GET", path, "", "")); status != 403 {
		t.Errorf("a GET without a signature of what was made public-read: %d, want 403", status)
	}
	if status, body := do(t, server, "PUT", path, "acl=", "", "X-Amz-Acl", "everyone"); status != 400 {
		t.Errorf("unknown ACL: %d %s", status, body)
	}
	if status, body := do(t, server, "PUT", path+"missing", "acl=", "", "X-Amz-Acl", "private"); status != 404 || !strings.Contains(body, "NoSuchKey") {
		t.Errorf("ACL of a missing object: %d %s", status, body)
	}
	if status, body := do(t, server, "PUT", path, "acl=", "", "X-Amz-Grant-Read", `id="someone"`); status != http.StatusNotImplemented {
		t.Errorf("grant: %d %s", status, body)
	}
	if status, body := send(t, request(t, server, "PUT", path, "acl=", "")); status != 403 {
		t.Errorf("without a signature: %d %s", status, body)
	}
}

// What is written with an ACL is judged as what is given one later.
func TestACLsOfWhatIsWrittenAreJudged(t *testing.T) {
	server := startServer(t)
	for name, tt := range map[string]struct {
		method, path, query string
		headers             []string
	}{
		"put":    {"PUT", "/ims/acl", "", nil},
		"copy":   {"PUT", "/ims/acl", "", []string{"X-Amz-Copy-Source", "/boot-images/a%20b/k%C3%A9rnel%2B1"}},
		"upload": {"POST", "/ims/acl", "uploads=", nil},
	} {
		for header, want := range map[[2]string]int{{"X-Amz-Grant-Read", `id="someone"`}: 501, {"X-Amz-Acl", "everyone"}: 400, {"X-Amz-Acl", "public-read"}: 200} {
			headers := append([]string{header[0], header[1]}, tt.headers...)
			if status, body := do(t, server, tt.method, tt.path, tt.query, "", headers...); status != want {
				t.Errorf("%s with %s: %s: %d %s, want %d", name, header[0], header[1], status, body, want)
			}
		}
	}
}

func TestChecksumsOfPartsAreEchoed(t *testing.T) {
	server := startServer(t)
	part := strings.Repeat("x", 5<<20)
	sum := crc32Of(part)
	for _, algorithm := range []string{"", "CRC32"} {
		for echoed, want := range map[string]int{sum: 200, "AAAAAA==": 400} {
			headers := []string{}
			if algorithm != "" {
				headers = []string{"X-Amz-Checksum-Algorithm", algorithm}
			}
			_, body := do(t, server, "POST", "/ims/parts", "uploads=", "", headers...)
			var upload struct{ UploadId string }
			if err := xml.Unmarshal([]byte(body), &upload); err != nil {
				t.Fatal(err)
			}
			var parts strings.Builder
			for n := 1; n <= 2; n++ {
				query := fmt.Sprintf("partNumber=%d&uploadId=%s", n, upload.UploadId)
				resp, err := http.DefaultClient.Do(sdk(t, withHeader(request(t, server, "PUT", "/ims/parts", query, part), "X-Amz-Checksum-Crc32", sum), keys, region, part, time.Now()))
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if got := resp.Header.Get("X-Amz-Checksum-Crc32"); resp.StatusCode != 200 || got != sum {
					t.Fatalf("part: %d, checksum %q, want %q", resp.StatusCode, got, sum)
				}
				fmt.Fprintf(&parts, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag><ChecksumCRC32>%s</ChecksumCRC32></Part>", n, resp.Header.Get("Etag"), echoed)
			}
			status, body := do(t, server, "POST", "/ims/parts", "uploadId="+upload.UploadId, "<CompleteMultipartUpload>"+parts.String()+"</CompleteMultipartUpload>")
			if status != want {
				t.Errorf("upload with algorithm %q, part checksum %s of %s: %d %s, want %d", algorithm, echoed, sum, status, body, want)
			}
		}
	}
	wantObject(t, server, "/ims/parts", part+part)
}

func withHeader(req *http.Request, name, value string) *http.Request {
	req.Header.Set(name, value)
	return req
}

func crc32Of(s string) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(s))))
}
