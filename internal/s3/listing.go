package s3

import (
	"context"
	"net/http"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/valyala/fasthttp"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
)

// encoding is how a listing's request wants keys to be written, "" for as they
// are: XML cannot carry every key. The library does not hand it on.
func encoding(ctx context.Context) (types.EncodingType, error) {
	request, ok := ctx.(*fasthttp.RequestCtx)
	if !ok {
		return "", nil
	}
	switch asked := types.EncodingType(request.QueryArgs().Peek("encoding-type")); asked {
	case "", types.EncodingTypeUrl:
		return asked, nil
	default:
		return "", s3err.APIError{Code: "InvalidArgument", HTTPStatusCode: http.StatusBadRequest,
			Description: "The encoding-type " + strconv.Quote(string(asked)) + " of a listing is unknown: expected url."}
	}
}

func escapeAll(fields ...**string) {
	for _, f := range fields {
		if *f != nil {
			escaped := escapeKey(**f)
			*f = &escaped
		}
	}
}

func escapePrefixes(prefixes []types.CommonPrefix) {
	for i := range prefixes {
		escapeAll(&prefixes[i].Prefix)
	}
}

func (o objects) ListObjects(ctx context.Context, in *s3.ListObjectsInput) (s3response.ListObjectsResult, error) {
	enc, err := encoding(ctx)
	if err != nil {
		return s3response.ListObjectsResult{}, err
	}
	out, err := o.Backend.ListObjects(ctx, in)
	if err != nil || enc == "" {
		return out, err
	}
	out.EncodingType = enc
	escapeAll(&out.Prefix, &out.Marker, &out.NextMarker, &out.Delimiter)
	escapePrefixes(out.CommonPrefixes)
	for i := range out.Contents {
		escapeAll(&out.Contents[i].Key)
	}
	return out, nil
}

func (o objects) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input) (s3response.ListObjectsV2Result, error) {
	enc, err := encoding(ctx)
	if err != nil {
		return s3response.ListObjectsV2Result{}, err
	}
	out, err := o.Backend.ListObjectsV2(ctx, in)
	if err != nil || enc == "" {
		return out, err
	}
	out.EncodingType = enc
	escapeAll(&out.Prefix, &out.StartAfter, &out.Delimiter)
	escapePrefixes(out.CommonPrefixes)
	for i := range out.Contents {
		escapeAll(&out.Contents[i].Key)
	}
	return out, nil
}

func (o objects) ListObjectVersions(ctx context.Context, in *s3.ListObjectVersionsInput) (s3response.ListVersionsResult, error) {
	enc, err := encoding(ctx)
	if err != nil {
		return s3response.ListVersionsResult{}, err
	}
	out, err := o.Backend.ListObjectVersions(ctx, in)
	if err != nil || enc == "" {
		return out, err
	}
	out.EncodingType = enc
	escapeAll(&out.Prefix, &out.KeyMarker, &out.NextKeyMarker, &out.Delimiter)
	escapePrefixes(out.CommonPrefixes)
	for i := range out.Versions {
		escapeAll(&out.Versions[i].Key)
	}
	for i := range out.DeleteMarkers {
		escapeAll(&out.DeleteMarkers[i].Key)
	}
	return out, nil
}

func (o objects) ListMultipartUploads(ctx context.Context, in *s3.ListMultipartUploadsInput) (s3response.ListMultipartUploadsResult, error) {
	enc, err := encoding(ctx)
	if err != nil {
		return s3response.ListMultipartUploadsResult{}, err
	}
	out, err := o.Backend.ListMultipartUploads(ctx, in)
	if err != nil || enc == "" {
		return out, err
	}
	out.EncodingType = string(enc)
	for _, f := range []*string{&out.Prefix, &out.KeyMarker, &out.NextKeyMarker, &out.Delimiter} {
		*f = escapeKey(*f)
	}
	for i := range out.CommonPrefixes {
		out.CommonPrefixes[i].Prefix = escapeKey(out.CommonPrefixes[i].Prefix)
	}
	for i := range out.Uploads {
		out.Uploads[i].Key = escapeKey(out.Uploads[i].Key)
	}
	return out, nil
}
