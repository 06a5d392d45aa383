package s3

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/s3err"
)

// Version 2 signs the method, a few headers, the path, and of the query only
// these parameters: those that change what is asked.
var signedV2 = []string{"acl", "cors", "delete", "lifecycle", "location", "logging", "notification", "partNumber", "policy",
	"requestPayment", "response-cache-control", "response-content-disposition", "response-content-encoding",
	"response-content-language", "response-content-type", "response-expires", "restore", "tagging", "torrent", "uploadId",
	"uploads", "versionId", "versioning", "versions", "website"}

// unsignedV2 may stand beside them: they narrow a listing, or say nothing. Any
// other could turn what was signed into another request.
var unsignedV2 = []string{"continuation-token", "delimiter", "encoding-type", "fetch-owner", "key-marker", "list-type", "marker",
	"max-keys", "max-parts", "max-uploads", "part-number-marker", "prefix", "start-after", "upload-id-marker", "version-id-marker", "x-id"}

// tokenParameterV2 is where a link has the token of a session. It is signed like the
// header of this name.
const tokenParameterV2 = "x-amz-security-token"

var linkParametersV2 = []string{"AWSAccessKeyId", "Expires", "Signature", tokenParameterV2}

// maxSkew is how far the date of a signed request may be from the server's.
const maxSkew = 15 * time.Minute

// checkLinkV2 verifies version 2 in the query.
func (s signatures) checkLinkV2(c fiber.Ctx) error {
	query := c.Request().URI().QueryArgs()
	expires := strings.Clone(c.Query("Expires"))
	seconds, err := strconv.ParseInt(expires, 10, 64)
	if err != nil {
		return denied("The link's Expires is not a number of seconds since 1970.")
	}
	in, err := s.verifyV2(c, strings.Clone(c.Query("AWSAccessKeyId")), strings.Clone(c.Query("Signature")), expires, strings.Clone(c.Query(tokenParameterV2)))
	if err != nil {
		return err
	}
	if s.now().Unix() > seconds {
		return denied("The link expired at " + time.Unix(seconds, 0).UTC().Format(time.RFC3339) + ".")
	}
	if err := in.admit(c); err != nil {
		return err
	}
	for _, name := range linkParametersV2 {
		query.Del(name)
	}
	c.Request().Header.Set(payloadHash, unsigned)
	return s.signAnew(c)
}

// checkHeaderV2 verifies version 2 in the header: "AWS key:signature".
func (s signatures) checkHeaderV2(c fiber.Ctx, authorization string) error {
	access, signature, _ := strings.Cut(authorization, ":")
	date, line := headerOf(c, "X-Amz-Date"), ""
	if date == "" {
		date = headerOf(c, fiber.HeaderDate)
		line = date
	}
	at, ok := dateV2(date)
	if !ok {
		return denied("The request has no valid Date or x-amz-date: a signature of version 2 needs one.")
	}
	in, err := s.verifyV2(c, access, signature, line, headerOf(c, securityToken))
	if err != nil {
		return err
	}
	if now := s.now(); at.Before(now.Add(-maxSkew)) || at.After(now.Add(maxSkew)) {
		return s3err.GetRequestTimeTooSkewedErr(date, now.UTC().Format(time.RFC3339), int(maxSkew.Milliseconds()))
	}
	if err := in.admit(c); err != nil {
		return err
	}
	if c.Get(payloadHash) == "" {
		c.Request().Header.Set(payloadHash, unsigned)
	}
	return s.signAnew(c)
}

// dateV2 reads a date as HTTP has it, as rclone writes it (UTC for GMT), and as
// s3cmd does (+0000).
func dateV2(date string) (time.Time, bool) {
	for _, layout := range []string{http.TimeFormat, time.RFC1123, time.RFC1123Z} {
		if at, err := time.Parse(layout, date); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// verifyV2 compares the signature; dateLine is what stands in the date's place. It
// returns the session of the token, if the access key is of one.
func (s signatures) verifyV2(c fiber.Ctx, access, signature, dateLine, token string) (*session, error) {
	secret, in, err := s.of(access, token)
	if err != nil {
		return nil, err
	}
	text := textV2(c, dateLine)
	h := hmac.New(sha1.New, []byte(secret))
	h.Write([]byte(text))
	if want := base64.StdEncoding.EncodeToString(h.Sum(nil)); !hmac.Equal([]byte(want), []byte(signature)) {
		return nil, s3err.GetSignatureDoesNotMatchErr(access, text, signature, "", "", "")
	}
	for name := range c.Request().URI().QueryArgs().All() {
		if n := string(name); !slices.Contains(signedV2, n) && !slices.Contains(unsignedV2, n) && !slices.Contains(linkParametersV2, n) {
			return nil, denied("A signature of version 2 does not cover the parameter " + strconv.Quote(n) + ": sign with version 4.")
		}
	}
	return in, nil
}

// textV2 is what version 2 signs.
func textV2(c fiber.Ctx, dateLine string) string {
	amz := map[string]string{}
	for name, value := range c.Request().Header.All() {
		lower := strings.ToLower(string(name))
		if !strings.HasPrefix(lower, "x-amz-") {
			continue
		}
		text := strings.TrimSpace(string(value))
		if before, twice := amz[lower]; twice {
			text = before + "," + text
		}
		amz[lower] = text
	}
	query := c.Request().URI().QueryArgs()
	if query.Has(tokenParameterV2) {
		amz[tokenParameterV2] = string(query.Peek(tokenParameterV2))
	}
	var b strings.Builder
	b.WriteString(c.Method() + "\n" + c.Get("Content-Md5") + "\n" + c.Get(fiber.HeaderContentType) + "\n" + dateLine + "\n")
	for _, name := range slices.Sorted(maps.Keys(amz)) {
		b.WriteString(name + ":" + amz[name] + "\n")
	}
	b.Write(c.Request().URI().PathOriginal())
	separator := "?"
	for _, name := range signedV2 {
		if !query.Has(name) {
			continue
		}
		b.WriteString(separator + name)
		if value := query.Peek(name); len(value) > 0 {
			b.WriteString("=" + string(value))
		}
		separator = "&"
	}
	return b.String()
}

func denied(why string) error {
	return s3err.APIError{Code: "AccessDenied", Description: why, HTTPStatusCode: http.StatusForbidden}
}
