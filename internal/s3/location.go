package s3

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"strings"

	"github.com/gofiber/fiber/v3"
)

// maxBucketBody is more than what a bucket is created with takes.
const maxBucketBody = 16 << 10

var location = regexp.MustCompile(`<LocationConstraint>[^<]*</LocationConstraint>`)

// namesLocation tells whether a bucket is to be created in a region of the
// client's choice. Clients say which when they sign for another region than
// us-east-1; the library takes none.
func namesLocation(c fiber.Ctx) bool {
	bucket := strings.Trim(string(c.Request().URI().PathOriginal()), "/")
	length := c.Request().Header.ContentLength()
	if c.Method() != fiber.MethodPut || strings.Contains(bucket, "/") || length <= 0 || length > maxBucketBody {
		return false
	}
	return location.Match(c.Request().Body())
}

// forgetLocation takes the region out of what a bucket is created with: it is
// created here, whatever the region is called. A body that is not the one which
// was signed stays, for the library to refuse.
func forgetLocation(c fiber.Ctx) {
	if !namesLocation(c) {
		return
	}
	body, header := c.Request().Body(), &c.Request().Header
	hash, sum := c.Get(payloadHash), c.Get("Content-Md5")
	if hash != "" && hash != unsigned && hash != hexSHA256(body) || sum != "" && sum != base64MD5(body) {
		return
	}
	body = location.ReplaceAll(bytes.Clone(body), nil)
	if hash != "" && hash != unsigned {
		header.Set(payloadHash, hexSHA256(body))
	}
	if sum != "" {
		header.Set("Content-Md5", base64MD5(body))
	}
	c.Request().SetBody(body)
	header.SetContentLength(len(body))
}

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func base64MD5(b []byte) string {
	sum := md5.Sum(b)
	return base64.StdEncoding.EncodeToString(sum[:])
}
