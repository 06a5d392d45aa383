package s3

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/versity/versitygw/s3err"
)

// policy is what a session may do at most, beside what it is granted: what one of the
// rules allows.
type policy []rule

// rule allows the actions on the resources.
type rule struct {
	Actions   []pattern `json:"a"` // in lower case
	Resources []pattern `json:"r"` // BUCKET, or BUCKET/KEY
}

// pattern stands for itself, and with a * at its end for all that begin like it.
type pattern string

func (p pattern) matches(text string) bool {
	start, open := strings.CutSuffix(string(p), "*")
	return open && strings.HasPrefix(text, start) || string(p) == text
}

// matchesAll tells whether it stands for all that begin with the text.
func (p pattern) matchesAll(text string) bool {
	return strings.HasSuffix(string(p), "*") && p.matches(text)
}

// allows tells whether the action is allowed on the resource, or on all that begin
// with it.
func (p policy) allows(action, resource string, all bool) bool {
	action = strings.ToLower("s3:" + action)
	return slices.ContainsFunc(p, func(r rule) bool {
		return slices.ContainsFunc(r.Actions, func(a pattern) bool { return a.matches(action) }) &&
			slices.ContainsFunc(r.Resources, func(is pattern) bool { return !all && is.matches(resource) || is.matchesAll(resource) })
	})
}

// names tells whether it is about something in the bucket.
func (p policy) names(bucket string) bool {
	return slices.ContainsFunc(p, func(r rule) bool {
		return slices.ContainsFunc(r.Resources, func(is pattern) bool {
			return is.matches(bucket) || strings.HasPrefix(string(is), bucket+"/")
		})
	})
}

const (
	// longestPolicy is that of Amazon's service.
	longestPolicy = 2048
	resourceStart = "arn:aws:s3:::"
)

// document is a policy as it is written. What is not here would narrow it, and so is
// refused.
type document struct {
	Version   string      `json:",omitempty"`
	ID        string      `json:"Id,omitempty"`
	Statement []statement `json:",omitempty"`
}

type statement struct {
	ID       string `json:"Sid,omitempty"`
	Effect   string
	Action   words
	Resource words
}

// words are one string or a list of them.
type words []string

func (w *words) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte(`"`)) {
		*w = make(words, 1)
		return json.Unmarshal(data, &(*w)[0])
	}
	return json.Unmarshal(data, (*[]string)(w))
}

// parsePolicy reads a policy that allows and has no conditions.
func parsePolicy(text string) (policy, error) {
	if len(text) > longestPolicy {
		return nil, malformed("it has %d characters: expected at most %d", len(text), longestPolicy)
	}
	from := json.NewDecoder(strings.NewReader(text))
	from.DisallowUnknownFields()
	var doc document
	if err := from.Decode(&doc); err != nil {
		return nil, malformed("%v: expected Version and a list Statement, of which each has Effect, Action and Resource", err)
	}
	if from.More() || len(doc.Statement) == 0 {
		return nil, malformed("expected one JSON object with at least one Statement")
	}
	var out policy
	for i, s := range doc.Statement {
		made, err := s.rule()
		if err != nil {
			return nil, malformed("Statement %d: %v", i, err)
		}
		out = append(out, made)
	}
	return out, nil
}

func (s statement) rule() (r rule, err error) {
	switch {
	case s.Effect != "Allow":
		return r, fmt.Errorf("the Effect is %q: expected Allow", s.Effect)
	case len(s.Action) == 0 || len(s.Resource) == 0:
		return r, fmt.Errorf("expected at least one Action and one Resource")
	}
	for _, action := range s.Action {
		if strings.ContainsAny(strings.TrimSuffix(action, "*"), "*?") {
			return r, fmt.Errorf("the Action %q: expected one such as s3:GetObject, with * at its end alone", action)
		}
		r.Actions = append(r.Actions, pattern(strings.ToLower(action)))
	}
	for _, resource := range s.Resource {
		name, is := strings.CutPrefix(resource, resourceStart)
		if !is && resource != "*" || name == "" || strings.ContainsAny(strings.TrimSuffix(name, "*"), "*?") {
			return r, fmt.Errorf("the Resource %q: expected *, or %sBUCKET and %sBUCKET/KEY, with * at its end alone", resource, resourceStart, resourceStart)
		}
		r.Resources = append(r.Resources, pattern(name))
	}
	return r, nil
}

func malformed(format string, args ...any) error {
	return s3err.APIError{Code: "MalformedPolicyDocument", HTTPStatusCode: http.StatusBadRequest, Description: "Policy: " + fmt.Sprintf(format, args...) + "."}
}

// Actions of reading and of writing objects, and of reading what a bucket says of itself.
var (
	readObject  = words{"s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectTagging"}
	writeObject = words{"s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObjectTagging", "s3:DeleteObjectTagging",
		"s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"}
	readBucket = words{"s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads", "s3:GetBucketLocation"}
)

// policyOf is the policy for what is granted, as any store reads it; empty for
// everything.
func policyOf(grants []Grant) string {
	if slices.Contains(grants, Everything) {
		return ""
	}
	var buckets, read, written words
	for _, g := range grants {
		objects := resourceStart + g.Bucket + "/" + g.Prefix + "*"
		if g.Bucket == AnyBucket && g.Prefix == "" {
			objects = resourceStart + "*"
		}
		buckets, read = append(buckets, resourceStart+g.Bucket), append(read, objects)
		if g.Write {
			written = append(written, objects)
		}
	}
	doc := document{Version: "2012-10-17"}
	for _, s := range []statement{{Action: readBucket, Resource: buckets}, {Action: readObject, Resource: read}, {Action: writeObject, Resource: written}} {
		if s.Effect = "Allow"; len(s.Resource) > 0 {
			doc.Statement = append(doc.Statement, s)
		}
	}
	text, _ := json.Marshal(doc) // strings always encode
	return string(text)
}
