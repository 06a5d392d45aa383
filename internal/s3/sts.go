package s3

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"
)

const (
	// stsService is what requests of the token service are signed for.
	stsService = "sts"
	// longestForm bounds a request of it.
	longestForm = 16 << 10
	// mostSigned bounds the headers that a signature is made over.
	mostSigned = 32
	// ShortestRole is Amazon's least time for credentials of AssumeRole, and that of the
	// stores which do as it does; they last as long as the longest link at most.
	ShortestRole           = 15 * time.Minute
	longestRole, usualRole = 7 * 24 * time.Hour, time.Hour
)

// isSTS tells whether it is a request of the token service: S3 has none of this form.
func isSTS(c fiber.Ctx) bool {
	return c.Method() == http.MethodPost && string(c.Request().URI().PathOriginal()) == "/" &&
		strings.HasPrefix(strings.ToLower(c.Get(fiber.HeaderContentType)), "application/x-www-form-urlencoded")
}

// gaveKey is where a request has the access key that it was given.
type gaveKey struct{}

// tokenService is a middleware that answers AssumeRole, of the store's keys and of sessions:
// with credentials that may do what both its caller and the policy that comes along allow.
func (s signatures) tokenService(c fiber.Ctx) error {
	if !isSTS(c) {
		return c.Next()
	}
	c.Set("Content-Type", "text/xml")
	c.Set("Cache-Control", "no-store")
	given, ends, err := s.assumeRole(c)
	var answer any
	status := http.StatusOK
	if err != nil {
		said := s3err.APIError{Code: "InternalFailure", HTTPStatusCode: http.StatusInternalServerError, Description: "The request could not be answered."}
		if known := s3err.S3Error(nil); errors.As(err, &known) {
			said = known.BaseError()
		}
		var refusal credentials.ErrorResponse
		refusal.STSError.Type, refusal.STSError.Code, refusal.STSError.Message = "Sender", said.Code, said.Description
		answer, status = refusal, said.HTTPStatusCode
	} else {
		c.RequestCtx().SetUserValue(gaveKey{}, given.AccessKey)
		var made credentials.AssumeRoleResponse
		made.Result.AssumedRoleUser = credentials.AssumedRoleUser{Arn: "arn:aws:sts:::assumed-role/drover/" + given.AccessKey, AssumedRoleID: given.AccessKey}
		to := &made.Result.Credentials
		to.AccessKey, to.SecretKey, to.SessionToken, to.Expiration = given.AccessKey, given.SecretKey, given.SessionToken, ends
		answer = made
	}
	text, err := xml.Marshal(answer)
	if err != nil {
		return err
	}
	return c.Status(status).Send(append([]byte(xml.Header), text...))
}

// assumeRole verifies the request and gives what it asks for.
func (s signatures) assumeRole(c fiber.Ctx) (given Credentials, ends time.Time, err error) {
	var body []byte
	if stream := c.Request().BodyStream(); stream != nil {
		if body, err = io.ReadAll(io.LimitReader(stream, longestForm+1)); err != nil {
			return given, ends, badSTS("IncompleteBody", "the request broke off")
		}
	}
	if len(body) > longestForm {
		return given, ends, badSTS("ValidationError", "the request has more than %d bytes", longestForm)
	}
	caller, err := s.checkSTS(c, body)
	if err != nil {
		return given, ends, err
	}
	made, lasts, err := sessionAsked(string(body))
	if err != nil {
		return given, ends, err
	}
	made.Grants = []Grant{Everything}
	if caller != nil {
		made.Grants, made.Policies = caller.Grants, append(slices.Clone(caller.Policies), made.Policies...)
		lasts = min(lasts, time.Unix(caller.Ends, 0).Sub(s.now()))
	}
	return s.sessions.give(lasts, made)
}

// sessionAsked reads what AssumeRole asks for. There are no roles here, as there are none in
// MinIO: what names one, and its session, means nothing.
func sessionAsked(form string) (made session, lasts time.Duration, err error) {
	asked, err := url.ParseQuery(form)
	if err != nil {
		return made, 0, badSTS("ValidationError", "the request is no form: %v", err)
	}
	if action := asked.Get("Action"); action != "AssumeRole" {
		return made, 0, badSTS("InvalidAction", "Action is %.60q: expected AssumeRole", action)
	}
	for name := range asked {
		if !slices.Contains([]string{"Action", "Version", "DurationSeconds", "Policy", "RoleArn", "RoleSessionName", "ExternalId"}, name) {
			return made, 0, badSTS("ValidationError", "this store does not know %.60q: expected RoleArn, RoleSessionName, ExternalId, DurationSeconds and Policy at most", name)
		}
	}
	seconds, err := strconv.Atoi(cmp.Or(asked.Get("DurationSeconds"), strconv.Itoa(int(usualRole/time.Second))))
	if err != nil || seconds < int(ShortestRole/time.Second) || seconds > int(longestRole/time.Second) {
		return made, 0, badSTS("ValidationError", "DurationSeconds is %.20q: expected %d to %d", asked.Get("DurationSeconds"), int(ShortestRole/time.Second), int(longestRole/time.Second))
	}
	if text := asked.Get("Policy"); text != "" {
		limits, err := parsePolicy(text)
		if err != nil {
			return made, 0, err
		}
		made.Policies = []policy{limits}
	}
	return made, time.Duration(seconds) * time.Second, nil
}

// checkSTS verifies the signature over the body, and returns whose session asks; nil for
// the keys of the store.
func (s signatures) checkSTS(c fiber.Ctx, body []byte) (*session, error) {
	signed, ok := parseSTS(headerOf(c, fiber.HeaderAuthorization))
	if !ok {
		return nil, s3err.APIError{Code: "MissingAuthenticationToken", HTTPStatusCode: http.StatusForbidden,
			Description: "The request is not signed as the token service wants it: expected a signature of version 4 for " + stsService + " in the header."}
	}
	secret, caller, err := s.of(signed.Access, headerOf(c, securityToken))
	if err != nil {
		return nil, err
	}
	date := cmp.Or(headerOf(c, "X-Amz-Date"), headerOf(c, fiber.HeaderDate))
	at, err := time.Parse(amzDate, date)
	if err != nil || date[:8] != signed.Date {
		return nil, denied("The request has no valid X-Amz-Date of the day that it is signed for.")
	}
	if now := s.now(); at.Before(now.Add(-maxSkew)) || at.After(now.Add(maxSkew)) {
		return nil, s3err.GetRequestTimeTooSkewedErr(date, now.UTC().Format(time.RFC3339), int(maxSkew.Milliseconds()))
	}
	names := strings.Split(signed.SignedHeaders, ";")
	if len(names) > mostSigned || len(slices.Compact(slices.Sorted(slices.Values(names)))) < len(names) {
		return nil, badSTS("IncompleteSignature", "SignedHeaders names %d headers: expected each once, and %d at most", len(names), mostSigned)
	}
	var headers strings.Builder
	for _, name := range names {
		headers.WriteString(name + ":" + strings.Join(strings.Fields(c.Get(name)), " ") + "\n")
	}
	sum := sha256.Sum256(body)
	canonical := strings.Join([]string{c.Method(), "/", canonicalQuery(c), headers.String(), signed.SignedHeaders, hex.EncodeToString(sum[:])}, "\n")
	want := signatureOf(canonical, date, signed.Date+"/"+signed.Region+"/"+stsService+"/aws4_request", signingKey(secret, signed.Date, signed.Region, stsService))
	if !slices.Contains(names, "host") || !hmac.Equal([]byte(want), []byte(signed.Signature)) {
		return nil, s3err.APIError{Code: "SignatureDoesNotMatch", HTTPStatusCode: http.StatusForbidden,
			Description: "The signature does not fit the request: look at the secret key and at how it is signed."}
	}
	return caller, nil
}

// parseSTS reads what is signed for the token service. The library reads what is signed for
// S3 alone.
func parseSTS(authorization string) (utils.AuthData, bool) {
	const scope = "/" + stsService + "/aws4_request"
	if !strings.Contains(authorization, scope) {
		return utils.AuthData{}, false
	}
	signed, err := utils.ParseAuthorization(strings.Replace(authorization, scope, "/"+service+"/aws4_request", 1))
	return signed, err == nil
}

func badSTS(code, format string, args ...any) error {
	return s3err.APIError{Code: code, HTTPStatusCode: http.StatusBadRequest, Description: fmt.Sprintf(format, args...) + "."}
}
