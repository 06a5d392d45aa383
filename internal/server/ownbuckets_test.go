package server

import (
	"net/http"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/bootset"
	v1 "github.com/drover-hpc/drover/internal/bos/v1"
	"github.com/drover-hpc/drover/internal/s3"
)

// Who may make and delete recipes could have the server delete what is its own: logs
// of sessions, and the repositories; who may boot could have an agent read them.
func TestRecordsAndTemplatesLeadToNothingOfTheServersOwn(t *testing.T) {
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
		agent, err := s3.NewClient(s.platform.s3Local, s.agentCredentials(v1.Order{Template: bos.Template{BootSets: bos.BootSets{{Name: "all", BootSet: bootset.BootSet{Path: object}}}}}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := agent.Get(t.Context(), object, 1); (err == nil) != (i == 0) {
			t.Errorf("an agent reads %s: %v", object, err)
		}
	}
}
