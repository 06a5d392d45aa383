package s3

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

func (b bench) boto() map[string]string {
	out, err := b.command(keys.SecretKey, "python", filepath.Join(b.data, "boto.py"))
	result := map[string]string{}
	for line := range strings.Lines(out) {
		if row, got, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			result[row] = got
		}
	}
	if err != nil || len(result) != len(rows)-1 {
		b.t.Errorf("boto3: %v\n%s", err, out)
	}
	return result
}

func (b bench) file(name, text string) string {
	path := filepath.Join(b.dir, name)
	b.must(os.WriteFile(path, []byte(text), 0o600))
	return path
}

func (b bench) aws() map[string]string {
	options := []string{"--endpoint-url", b.server.Endpoint()}
	if b.region != "" {
		options = append(options, "--region", b.region)
	}
	aws := func(ok func(string) bool, args ...string) string {
		return b.run(ok, "aws", slices.Concat(options, args)...)
	}
	u, text := "s3://"+b.bucket+"/", b.file("text", "text")
	r := map[string]string{}
	r[rowBuckets] = aws(contains(b.bucket), "s3", "ls")
	r[rowLook] = aws(nil, "s3api", "head-bucket", "--bucket", b.bucket)
	r[rowRead] = all(aws(nil, "s3", "cp", text, u+oddKey), aws(contains("text"), "s3", "cp", u+oddKey, "-"), b.has(oddKey, "text"))
	r[rowList] = aws(contains(oddKey), "s3", "ls", "--recursive", u)
	r[rowFirst] = aws(contains(`"Key": "a b/`), "s3api", "list-objects", "--bucket", b.bucket)
	r[rowParts] = all(aws(nil, "s3", "cp", b.big, u+"big"), b.has("big", b.bigText()))
	r[rowCopy] = all(aws(nil, "s3", "cp", u+oddKey, u+"copy"), b.has("copy", "text"))
	r[rowACL] = aws(nil, "s3api", "put-object-acl", "--bucket", b.bucket, "--key", "copy", "--acl", "public-read")
	// Which version it signs with depends on the region.
	link, err := b.command(keys.SecretKey, "aws", slices.Concat(options, []string{"s3", "presign", u + oddKey})...)
	r[map[bool]string{true: rowLink2, false: rowLink}[strings.Contains(link, "AWSAccessKeyId")]] = b.fetch(link, "text", err)
	out, err := b.command("guess", "aws", slices.Concat(options, []string{"s3api", "head-object", "--bucket", b.bucket, "--key", "copy"})...)
	r[rowWrong] = yes(err != nil && strings.Contains(out, "403"), out)
	r[rowDelete] = all(aws(nil, "s3", "rm", u+"copy"), aws(nil, "s3", "rm", "--recursive", u), b.empty())
	return r
}

func (b bench) s3cmd() map[string]string {
	host := strings.TrimPrefix(b.server.Endpoint(), "http://")
	options := []string{"--no-ssl", "--host", host, "--host-bucket", host, "--access_key", keys.AccessKey}
	s3cmd := func(ok func(string) bool, args ...string) string {
		return b.run(ok, "s3cmd", slices.Concat(options, []string{"--secret_key", keys.SecretKey}, args)...)
	}
	u, text, got := "s3://"+b.bucket+"/", b.file("text", "text"), filepath.Join(b.dir, "got")
	r := map[string]string{}
	r[rowBuckets] = s3cmd(contains(b.bucket), "ls")
	r[rowLook] = s3cmd(contains("us-east-1"), "info", u)
	r[rowRead] = all(s3cmd(nil, "put", text, u+oddKey), s3cmd(nil, "get", "--force", u+oddKey, got), b.has(oddKey, "text"))
	r[rowList] = s3cmd(contains(oddKey), "ls", "--recursive", u)
	r[rowParts] = all(s3cmd(nil, "put", "--multipart-chunk-size-mb", "5", b.big, u+"big"), b.has("big", b.bigText()))
	r[rowCopy] = all(s3cmd(nil, "cp", u+oddKey, u+"copy"), b.has("copy", "text"))
	r[rowACL] = s3cmd(nil, "put", "--acl-public", text, u+"copy")
	link, err := b.command(keys.SecretKey, "s3cmd", slices.Concat(options, []string{"--secret_key", keys.SecretKey, "signurl", u + oddKey, "+600"})...)
	r[rowLink2] = all(b.fetch(link, "text", err), yes(strings.Contains(link, "AWSAccessKeyId"), link))
	r[rowRequest2] = all(s3cmd(nil, "--signature-v2", "put", text, u+"two"), s3cmd(contains("two"), "--signature-v2", "ls", u), b.has("two", "text"))
	out, err := b.command(keys.SecretKey, "s3cmd", slices.Concat(options, []string{"--secret_key", "guess", "ls", u})...)
	r[rowWrong] = yes(err != nil && strings.Contains(out, "403"), out)
	r[rowDelete] = all(s3cmd(nil, "del", u+"copy"), s3cmd(nil, "del", "--recursive", "--force", u), b.empty())
	return r
}

func (b bench) rclone() map[string]string {
	remote := func(secret, options string) string {
		return fmt.Sprintf(":s3,provider=Other,access_key_id=%s,secret_access_key=%s,endpoint='%s',chunk_size=5Mi,upload_cutoff=5Mi%s:", keys.AccessKey, secret, b.server.Endpoint(), options)
	}
	at := remote(keys.SecretKey, "")
	rclone := func(ok func(string) bool, args ...string) string { return b.run(ok, "rclone", args...) }
	text := b.file("text", "text")
	r := map[string]string{}
	r[rowBuckets] = rclone(contains(b.bucket), "lsd", at)
	r[rowRead] = all(rclone(nil, "copyto", text, at+b.bucket+"/"+oddKey), rclone(contains("text"), "cat", at+b.bucket+"/"+oddKey), b.has(oddKey, "text"))
	r[rowList] = rclone(contains(oddKey), "lsf", "-R", "--files-only", at+b.bucket)
	r[rowFirst] = rclone(contains(oddKey), "lsf", "-R", "--files-only", remote(keys.SecretKey, ",list_version=1")+b.bucket)
	r[rowParts] = all(rclone(nil, "copyto", b.big, at+b.bucket+"/big"), rclone(nil, "check", "--one-way", b.big, at+b.bucket), b.has("big", b.bigText()))
	r[rowCopy] = all(rclone(nil, "copyto", at+b.bucket+"/"+oddKey, at+b.bucket+"/copy"), b.has("copy", "text"))
	r[rowACL] = rclone(nil, "copyto", text, remote(keys.SecretKey, ",acl=public-read")+b.bucket+"/acl")
	link, err := b.command(keys.SecretKey, "rclone", "link", "--expire", "1h", at+b.bucket+"/"+oddKey)
	r[rowLink] = b.fetch(link, "text", err)
	r[rowRequest2] = rclone(contains("text"), "cat", remote(keys.SecretKey, ",v2_auth=true")+b.bucket+"/copy")
	out, err := b.command(keys.SecretKey, "rclone", "--retries", "1", "--low-level-retries", "1", "lsf", remote("guess", "")+b.bucket)
	r[rowWrong] = yes(err != nil && strings.Contains(out, "403"), out)
	r[rowDelete] = all(rclone(nil, "deletefile", at+b.bucket+"/copy"), rclone(nil, "delete", at+b.bucket), b.empty())
	return r
}

func (b bench) minio() map[string]string {
	ctx, host := b.t.Context(), strings.TrimPrefix(b.server.Endpoint(), "http://")
	open := func(k Credentials, creds func(string, string, string) *credentials.Credentials) *minio.Client {
		c, err := minio.New(host, &minio.Options{Creds: creds(k.AccessKey, k.SecretKey, ""), Region: b.region, TrailingHeaders: true})
		b.must(err)
		return c
	}
	c, two := open(keys, credentials.NewStaticV4), open(keys, credentials.NewStaticV2)
	put := func(c *minio.Client, key, text string) string {
		_, err := c.PutObject(ctx, b.bucket, key, strings.NewReader(text), int64(len(text)), minio.PutObjectOptions{PartSize: 5 << 20})
		return all(said(err), b.has(key, text))
	}
	link := func(c *minio.Client) string {
		u, err := c.PresignedGetObject(ctx, b.bucket, oddKey, time.Hour, nil)
		b.must(err)
		return b.fetch(u.String(), "text", nil)
	}
	list := func(first bool) string {
		found := false
		for o := range c.ListObjects(ctx, b.bucket, minio.ListObjectsOptions{Recursive: true, UseV1: first}) {
			found = found || o.Key == oddKey
		}
		return yes(found, "not listed")
	}
	r := map[string]string{rowRead: put(c, oddKey, "text"), rowParts: put(c, "big", b.bigText()), rowRequest2: put(two, "two", "text"),
		rowList: list(false), rowFirst: list(true), rowLink: link(c), rowLink2: link(two)}
	buckets, err := c.ListBuckets(ctx)
	r[rowBuckets] = yes(err == nil && slices.ContainsFunc(buckets, func(i minio.BucketInfo) bool { return i.Name == b.bucket }), said(err))
	there, err := c.BucketExists(ctx, b.bucket)
	r[rowLook] = yes(there, said(err))
	_, err = c.CopyObject(ctx, minio.CopyDestOptions{Bucket: b.bucket, Object: "copy"}, minio.CopySrcOptions{Bucket: b.bucket, Object: oddKey})
	r[rowCopy] = all(said(err), b.has("copy", "text"))
	_, err = open(Credentials{AccessKey: keys.AccessKey, SecretKey: "guess"}, credentials.NewStaticV4).StatObject(ctx, b.bucket, "copy", minio.StatObjectOptions{})
	r[rowWrong] = yes(minio.ToErrorResponse(err).StatusCode == http.StatusForbidden, said(err))
	one := c.RemoveObject(ctx, b.bucket, "copy", minio.RemoveObjectOptions{})
	rest := c.ListObjects(ctx, b.bucket, minio.ListObjectsOptions{Recursive: true})
	for e := range c.RemoveObjects(ctx, b.bucket, rest, minio.RemoveObjectsOptions{}) {
		one = e.Err
	}
	r[rowDelete] = all(said(one), b.empty())
	return r
}

func said(err error) string {
	if err == nil {
		return "yes"
	}
	return err.Error()
}
