package s3

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/s3api/utils"
)

// Write is a request that changed something in the store, or was to, or that was
// refused for whose it is, other than a node's link, which is in its journal. That parts
// of an upload came is none: its end is one.
type Write struct {
	// Access is the key that it was signed with, or says so if it came to nothing, for
	// which signatures need not have been looked at; empty: none.
	Access string
	// From is the address of who sent it.
	From string
	// Method and Path are as they came, the path with its query but for signatures.
	Method, Path string
	// Status is that of the answer.
	Status int
	// Gave is the access key of credentials that it was answered with.
	Gave string
}

// recordWrites tells of each write before it is answered; where that fails, the answer is
// 503, as the write may have been made.
func recordWrites(told func(context.Context, Write) error) fiber.Handler {
	return func(c fiber.Ctx) error {
		w := Write{Access: strings.Clone(accessKey(c)), From: c.RequestCtx().RemoteIP().String(), Method: strings.Clone(c.Method()), Path: asked(c)}
		part := c.Method() == http.MethodPut && c.Request().URI().QueryArgs().Has("partNumber")
		err := c.Next()
		w.Status = c.Response().StatusCode()
		w.Gave, _ = c.RequestCtx().UserValue(gaveKey{}).(string)
		refused := (w.Status == http.StatusUnauthorized || w.Status == http.StatusForbidden) && fetchedBy(c) == ""
		if !refused && (part || !writing(w.Method)) {
			return err
		}
		if told(c.Context(), w) == nil {
			return err
		}
		c.Response().Reset()
		return comeBack(c, recordPause, "What is written cannot be recorded at this moment; ask again later.")
	}
}

// recordPause is after how long a client asks again where its write was not recorded.
const recordPause = 5 * time.Second

func writing(method string) bool {
	return method == http.MethodPut || method == http.MethodPost || method == http.MethodDelete
}

// asked is what was asked for, without what signs it.
func asked(c fiber.Ctx) string {
	var rest []string
	for _, part := range strings.Split(string(c.Request().URI().QueryString()), "&") {
		switch name, _, _ := strings.Cut(part, "="); {
		case part == "", strings.HasPrefix(strings.ToLower(name), "x-amz-"), name == "AWSAccessKeyId", name == "Signature", name == "Expires":
		default:
			rest = append(rest, part)
		}
	}
	path := string(c.Request().URI().PathOriginal())
	if len(rest) > 0 {
		path += "?" + strings.Join(rest, "&")
	}
	return path
}

// accessKey is that by which the request says that it is signed: of several places the one
// by which signatures.check verifies it.
func accessKey(c fiber.Ctx) string {
	query := c.Request().URI().QueryArgs()
	authorization := headerOf(c, fiber.HeaderAuthorization)
	v2, isV2 := strings.CutPrefix(authorization, "AWS ")
	ofSTS, signedForSTS := parseSTS(authorization)
	switch {
	case isSTS(c) && signedForSTS: // whose query signs nothing
		return ofSTS.Access
	case query.Has("X-Amz-Signature"):
		key, _, _ := strings.Cut(string(query.Peek("X-Amz-Credential")), "/")
		return key
	case query.Has("AWSAccessKeyId"), query.Has("Signature"):
		return string(query.Peek("AWSAccessKeyId"))
	case isV2:
		key, _, _ := strings.Cut(v2, ":")
		return key
	}
	if signedForSTS {
		return ofSTS.Access
	}
	signed, err := utils.ParseAuthorization(authorization)
	if err != nil {
		return ""
	}
	return signed.Access
}
