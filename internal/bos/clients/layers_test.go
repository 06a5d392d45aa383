package clients_test

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/bos/clients"
	"github.com/drover-hpc/drover/internal/fault"
)

func TestLayersOfSourcesAreThoseOfTheirRepositories(t *testing.T) {
	answers := map[string]string{
		"/v3/configurations/site":         `{"layers": [{"name": "a", "source": "https://git/a", "playbook": "p.yml", "commit": "1"}, {"name": "b", "source": "https://git/a", "commit": "2"}, {"clone_url": "https://git/c", "playbook": "p.yml"}]}`,
		"/v3/configurations/lost":         `{"layers": [{"name": "a", "source": "gone", "playbook": "p.yml"}]}`,
		"/v3/sources/https:%2F%2Fgit%2Fa": `{"name": "https://git/a", "clone_url": "https://git/repository.git"}`,
		"/v3/options":                     `{"default_playbook": "site.yml"}`,
	}
	asked := 0
	layers := clients.Layers{Get: func(_ context.Context, path string, _ url.Values, out any) error {
		asked++
		text, is := answers[path]
		if !is {
			return fault.New(fault.NotFound, "no %s", path)
		}
		return json.Unmarshal([]byte(text), out)
	}}
	got, err := layers.Wanted(t.Context(), "site")
	if err != nil || len(got) != 3 || got[0].Repository != "https://git/repository.git" || got[1].Repository != got[0].Repository || got[1].Playbook != "site.yml" || got[2].Repository != "https://git/c" {
		t.Errorf("%+v %v", got, err)
	}
	if asked != 3 {
		t.Errorf("%d questions for one configuration, one source and the options", asked)
	}
	if got, err := layers.Wanted(t.Context(), "lost"); err == nil || !strings.Contains(err.Error(), "source 'gone' of layer 'a'") {
		t.Errorf("%+v %v", got, err)
	}
}
