package s3

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/valyala/fasthttp"
	"github.com/versity/versitygw/s3err"
)

// PutObjectAcl takes any canned ACL for an object that is there, and changes
// nothing: whoever has the keys may do all, others need a link.
func (o objects) PutObjectAcl(ctx context.Context, in *s3.PutObjectAclInput) error {
	if in.ACL == "" {
		return o.Backend.PutObjectAcl(ctx, in)
	}
	if err := checkCanned(string(in.ACL)); err != nil {
		return err
	}
	_, err := o.HeadObject(ctx, &s3.HeadObjectInput{Bucket: in.Bucket, Key: in.Key})
	return err
}

// checkACL judges the ACL that an object is written with in the same way. The
// library does not hand it on.
func checkACL(ctx context.Context) error {
	request, ok := ctx.(*fasthttp.RequestCtx)
	if !ok {
		return nil
	}
	for _, grant := range []string{"Read", "Write", "Read-Acp", "Write-Acp", "Full-Control"} {
		if len(request.Request.Header.Peek("X-Amz-Grant-"+grant)) > 0 {
			return s3err.GetAPIError(s3err.ErrNotImplemented)
		}
	}
	return checkCanned(string(request.Request.Header.Peek("X-Amz-Acl")))
}

func checkCanned(acl string) error {
	known := types.ObjectCannedACL("").Values()
	if acl == "" || slices.Contains(known, types.ObjectCannedACL(acl)) {
		return nil
	}
	return s3err.APIError{Code: "InvalidArgument", HTTPStatusCode: http.StatusBadRequest,
		Description: "The canned ACL " + strconv.Quote(acl) + " is unknown."}
}
