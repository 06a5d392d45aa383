package s3

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"
)

const (
	// region is the one that the library knows. Clients may sign with any.
	region      = "us-east-1"
	service     = "s3"
	amzDate     = "20060102T150405Z"
	unsigned    = "UNSIGNED-PAYLOAD"
	payloadHash = "X-Amz-Content-Sha256"
)

// linkParameters are those by which version 4 signs a link.
var linkParameters = []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"}

// signatures lets clients sign in ways that the library does not take: version 4
// for any region (the empty one, too) and version 2. Each such signature is
// verified here with the secret key, and the request then signed anew in the
// library's way, which verifies it again. A request that this one does not
// know is left as it is, for the library to judge: nothing is let in here.
//
// Requests of sessions, whose keys the library does not know, are all verified here,
// and those that the session permits are signed anew.
type signatures struct {
	keys     Credentials
	sessions *Sessions
	now      func() time.Time
}

// of returns the secret of the access key, and the session if it is of one.
func (s signatures) of(access, token string) (secret string, in *session, err error) {
	switch {
	case access == s.keys.AccessKey && token == "":
		return s.keys.SecretKey, nil, nil
	case access == s.keys.AccessKey:
		return "", nil, s3err.GetAPIError(s3err.ErrInvalidToken)
	case !strings.HasPrefix(access, temporaryKey):
		return "", nil, s3err.GetInvalidAccessKeyIdErr(access)
	}
	in, secret, err = s.sessions.open(access, token)
	return secret, in, err
}

// check verifies a request that the library would refuse for its form.
func (s signatures) check(c fiber.Ctx) error {
	query := c.Request().URI().QueryArgs()
	authorization := headerOf(c, fiber.HeaderAuthorization)
	switch {
	case query.Has("X-Amz-Signature"):
		return s.checkLink(c)
	case query.Has("AWSAccessKeyId"), query.Has("Signature"):
		return s.checkLinkV2(c)
	case strings.HasPrefix(authorization, "AWS "):
		return s.checkHeaderV2(c, strings.TrimPrefix(authorization, "AWS "))
	case strings.HasPrefix(authorization, "AWS4-HMAC-SHA256 "):
		return s.checkHeader(c, authorization)
	}
	return nil
}

// checkHeader verifies version 4 in the header. The payload's hash is part of
// what is signed and stays, so that the library compares it with the payload.
func (s signatures) checkHeader(c fiber.Ctx, authorization string) error {
	signed, err := utils.ParseAuthorization(authorization)
	if err != nil {
		return nil
	}
	secret, in, err := s.of(signed.Access, headerOf(c, securityToken))
	if err != nil {
		return err
	}
	if isChunked(c) {
		utils.ContextKeyBodyReader.Set(c, bodyOf(c))
	}
	if in == nil && signed.Region == region && !namesLocation(c) {
		return nil
	}
	date := headerOf(c, "X-Amz-Date")
	if date == "" {
		date = headerOf(c, fiber.HeaderDate)
	}
	at, err := time.Parse(amzDate, date)
	if err != nil || date[:8] != signed.Date {
		return nil
	}
	if err := utils.ValidateDate(at); err != nil {
		return err
	}
	length, _ := strconv.ParseInt(c.Get(fiber.HeaderContentLength), 10, 64)
	key := signingKey(secret, signed.Date, signed.Region, service)
	var canonical string
	if err := withPlainPath(c, func() error {
		canonical, err = utils.CheckValidSignature(c, signed, key, headerOf(c, payloadHash), at, length)
		return err
	}); err != nil {
		return err
	}
	if err := in.admit(c); err != nil {
		return err
	}
	if isChunked(c) {
		// Each chunk is signed for the client's region, too.
		if err := readChunks(c, signed, canonical, key, at); err != nil {
			return err
		}
	}
	return s.signAnew(c)
}

// checkLink verifies version 4 in the query, expiry included.
func (s signatures) checkLink(c fiber.Ctx) error {
	signed, err := utils.ParsePresignedURIParts(c, "") // "" takes any region
	if err != nil {
		return err
	}
	secret, in, err := s.of(strings.Clone(signed.Access), strings.Clone(c.Query(securityToken)))
	if err != nil {
		return err
	}
	if begins, err := time.Parse(amzDate, signed.Date); err == nil && begins.After(s.now().Add(maxSkew)) {
		return denied("The link is not valid before " + begins.Format(time.RFC3339) + ".")
	}
	if in == nil && signed.Region == region {
		return nil
	}
	key := signingKey(secret, signed.Date[:8], signed.Region, service)
	if err := withPlainPath(c, func() error { return utils.CheckPresignedSignature(c, signed, key) }); err != nil {
		return err
	}
	if err := in.admit(c); err != nil {
		return err
	}
	for _, name := range linkParameters {
		c.Request().URI().QueryArgs().Del(name)
	}
	c.Request().Header.Set(payloadHash, unsigned)
	return s.signAnew(c)
}

// headerOf reads a header into a string of its own: the framework's are overwritten
// when the request is signed anew.
func headerOf(c fiber.Ctx, header string) string { return strings.Clone(c.Get(header)) }

// withPlainPath calls f with the request's path as the library's checks want
// it, without escapes, and puts it back.
func withPlainPath(c fiber.Ctx, f func() error) error {
	escaped := string(c.Request().URI().PathOriginal())
	plain, err := url.PathUnescape(escaped)
	if err != nil {
		return s3err.GetAPIError(s3err.ErrInvalidURI)
	}
	c.Path(plain)
	defer c.Path(escaped)
	return f()
}

// signAnew signs a request that was verified for the library's region, with
// the headers that it wants to be signed.
func (s signatures) signAnew(c fiber.Ctx) error {
	forgetLocation(c)
	now := s.now().UTC()
	day, header := now.Format("20060102"), &c.Request().Header
	header.Set("X-Amz-Date", now.Format(amzDate))
	if c.Get(payloadHash) == "" {
		header.Set(payloadHash, unsigned)
	}
	values := map[string]string{}
	for name, value := range header.All() {
		lower := strings.ToLower(string(name))
		if lower != "host" && !strings.HasPrefix(lower, "x-amz-") {
			continue
		}
		text := strings.Join(strings.Fields(string(value)), " ")
		if before, twice := values[lower]; twice {
			text = before + "," + text
		}
		values[lower] = text
	}
	names := slices.Sorted(maps.Keys(values))
	var headers strings.Builder
	for _, name := range names {
		headers.WriteString(name + ":" + values[name] + "\n")
	}
	path, err := url.PathUnescape(string(c.Request().URI().PathOriginal()))
	if err != nil {
		return s3err.GetAPIError(s3err.ErrInvalidURI)
	}
	canonical := strings.Join([]string{c.Method(), escapeKey(path), canonicalQuery(c), headers.String(), strings.Join(names, ";"), c.Get(payloadHash)}, "\n")
	scope := day + "/" + region + "/" + service + "/aws4_request"
	header.Set(fiber.HeaderAuthorization, "AWS4-HMAC-SHA256 Credential="+s.keys.AccessKey+"/"+scope+",SignedHeaders="+strings.Join(names, ";")+
		",Signature="+signatureOf(canonical, now.Format(amzDate), scope, signingKey(s.keys.SecretKey, day, region, service)))
	return nil
}

// signatureOf is that of version 4 of a canonical request.
func signatureOf(canonical, date, scope string, key []byte) string {
	sum := sha256.Sum256([]byte(canonical))
	return hex.EncodeToString(hmacSHA256(key, "AWS4-HMAC-SHA256\n"+date+"\n"+scope+"\n"+hex.EncodeToString(sum[:])))
}

func canonicalQuery(c fiber.Ctx) string {
	query := url.Values{}
	for name, value := range c.Request().URI().QueryArgs().All() {
		query.Add(string(name), string(value))
	}
	for _, values := range query {
		slices.Sort(values)
	}
	return strings.ReplaceAll(query.Encode(), "+", "%20")
}

// signingKey is the key by which version 4 signs for a service on a day in a region.
func signingKey(secret, day, region, service string) []byte {
	key := []byte("AWS4" + secret)
	for _, part := range []string{day, region, service, "aws4_request"} {
		key = hmacSHA256(key, part)
	}
	return key
}

// escapeKey writes a path or a key as S3 escapes it in a URL: all but letters,
// digits, "-._~" and the slash.
func escapeKey(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(s), "+", "%20"), "%2F", "/")
}
