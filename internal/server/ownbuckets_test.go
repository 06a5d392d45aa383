package server

import (
	"net/http"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/auth"
)

// Who may make and delete recipes could have the server delete what is its own: logs
// of sessions, and the repositories.
func TestRecordsOfIMSLeadToNothingOfTheServersOwn(t *testing.T) {
	s, ask := startWithTokens(t, testConfig(t))
	if err := s.platform.objects.EnsureBuckets(t.Context(), append([]string{"site"}, ownBuckets...)...); err != nil {
		t.Fatal(err)
	}
	operator := tokenOf(t, s, auth.Operator)
	for i, bucket := range append([]string{"site"}, ownBuckets...) {
		object := "s3://" + bucket + "/kept"
		if _, err := s.platform.objects.Put(t.Context(), object, strings.NewReader("a"), 1, "text/plain"); err != nil {
			t.Fatal(err)
		}
		body := `{"name":"r","recipe_type":"kiwi-ng","linux_distribution":"sles15","link":{"type":"s3","path":"` + object + `","etag":""}}`
		if status, text := ask(operator, "POST", imsPrefix+"/v3/recipes", body); (status == http.StatusCreated) != (i == 0) || status >= http.StatusInternalServerError {
			t.Errorf("a recipe at %s: %d %s", object, status, text)
		}
	}
}
