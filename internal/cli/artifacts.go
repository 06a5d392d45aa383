package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/cli/format"
)

// artifacts are the commands on the object store, which has no OpenAPI.
func (a *app) artifacts() *cobra.Command {
	verb := func(use, short string, run func(*cobra.Command, *session, *minio.Client, []string) error) *cobra.Command {
		names := strings.Fields(use)[1:]
		return a.verb(use, short, arguments(names...), func(cmd *cobra.Command, g *globals, args []string) error {
			s, err := a.open(g)
			if err != nil {
				return err
			}
			client, err := s.store(cmd.Context())
			if err != nil {
				return err
			}
			return storeError(run(cmd, s, client, args))
		})
	}
	top := group("artifacts", "Objects in the object store")
	buckets := group("buckets", "Buckets")
	buckets.AddCommand(verb("list", "List the buckets", listBuckets))
	top.AddCommand(buckets,
		verb("list BUCKET", "List the objects of a bucket", listObjects),
		verb("describe BUCKET KEY", "Show an object's properties", describeObject),
		verb("create BUCKET KEY FILE", "Upload a file", createObject),
		verb("get BUCKET KEY FILE", "Download an object", getObject),
		verb("delete BUCKET KEY", "Remove an object", deleteObject))
	return top
}

// storeError words what the store says.
func storeError(err error) error {
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) {
		return err
	}
	switch answer.Code {
	case minio.NoSuchKey:
		return failed("Object was not found in bucket")
	case minio.NoSuchBucket:
		return failed("Bucket does not exist")
	}
	return err
}

func listBuckets(cmd *cobra.Command, s *session, client *minio.Client, _ []string) error {
	buckets, err := client.ListBuckets(cmd.Context())
	if err != nil {
		return err
	}
	names := []any{}
	for _, b := range buckets {
		names = append(names, b.Name)
	}
	return format.WriteValue(s.app.Stdout, s.format, names)
}

// timeText is how the published program prints times of objects.
const timeText = "2006-01-02T15:04:05-07:00"

func listObjects(cmd *cobra.Command, s *session, client *minio.Client, args []string) error {
	list := []any{}
	for o := range client.ListObjects(cmd.Context(), args[0], minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			return o.Err
		}
		list = append(list, format.Object{{Key: "Key", Value: o.Key}, {Key: "LastModified", Value: o.LastModified.Format(timeText)},
			{Key: "ETag", Value: `"` + o.ETag + `"`}, {Key: "Size", Value: o.Size}, {Key: "StorageClass", Value: o.StorageClass},
			{Key: "Owner", Value: format.Object{{Key: "DisplayName", Value: o.Owner.DisplayName}, {Key: "ID", Value: o.Owner.ID}}}})
	}
	return format.WriteValue(s.app.Stdout, s.format, format.Object{{Key: "artifacts", Value: list}})
}

func describeObject(cmd *cobra.Command, s *session, client *minio.Client, args []string) error {
	o, err := client.StatObject(cmd.Context(), args[0], args[1], minio.StatObjectOptions{})
	if err != nil {
		return err
	}
	metadata := map[string]string{}
	for k, v := range o.UserMetadata {
		metadata[strings.ToLower(k)] = v
	}
	return s.print(map[string]any{"artifact": map[string]any{"LastModified": o.LastModified.Format(timeText), "ContentLength": o.Size,
		"ETag": `"` + o.ETag + `"`, "ContentType": o.ContentType, "Metadata": metadata}})
}

func createObject(cmd *cobra.Command, s *session, client *minio.Client, args []string) error {
	bucket, key, path := args[0], args[1], args[2]
	if _, err := os.Stat(path); err != nil {
		return failed("File %s does not exist", path)
	}
	if _, err := upload(cmd.Context(), client, bucket, key, path, map[string]string{"x-amz-acl": "public-read"}); err != nil {
		return err
	}
	return format.WriteValue(s.app.Stdout, s.format, format.Object{{Key: "artifact", Value: path}, {Key: "Key", Value: key}})
}

func getObject(cmd *cobra.Command, s *session, client *minio.Client, args []string) error {
	if err := client.FGetObject(cmd.Context(), args[0], args[1], args[2], minio.GetObjectOptions{}); err != nil {
		return err
	}
	fmt.Fprintln(s.app.Stdout)
	return nil
}

func deleteObject(cmd *cobra.Command, s *session, client *minio.Client, args []string) error {
	if _, err := client.StatObject(cmd.Context(), args[0], args[1], minio.StatObjectOptions{}); err != nil {
		return err
	}
	if err := client.RemoveObject(cmd.Context(), args[0], args[1], minio.RemoveObjectOptions{}); err != nil {
		return err
	}
	fmt.Fprintln(s.app.Stdout)
	return nil
}
