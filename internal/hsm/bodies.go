package hsm

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/fault"
)

// The bodies that wrap what the interface answers.
type (
	componentArray struct {
		Components []Component `json:"Components" nullable:"false"`
	}
	componentEndpointArray struct {
		ComponentEndpoints []ComponentEndpoint `json:"ComponentEndpoints" nullable:"false"`
	}
	redfishEndpointArray struct {
		RedfishEndpoints []RedfishEndpoint `json:"RedfishEndpoints" nullable:"false"`
	}
	lockStatuses struct {
		Components []LockStatus `json:"Components" nullable:"false"`
		NotFound   []string     `json:"NotFound,omitempty" doc:"xnames that are no components"`
	}
	resourceURI struct {
		URI string `json:"URI"`
	}
	message struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
)

type (
	nothing       struct{}
	messageOutput struct{ Body message }
	createdOutput struct {
		Location string `header:"Location"`
		Body     []resourceURI
	}
	xnameInput struct {
		Xname string `path:"xname" doc:"xname of the component"`
	}
)

// uriBase is how the interface names itself in URIs.
const uriBase = "/hsm/v2"

// created answers with the paths of new things; one alone is also the Location.
func created(paths ...string) *createdOutput {
	out := &createdOutput{Body: make([]resourceURI, len(paths))}
	for i, path := range paths {
		out.Body[i].URI = uriBase + path
	}
	if len(paths) == 1 {
		out.Location = out.Body[0].URI
	}
	return out
}

// deleted answers how many were removed; none is an error.
func deleted(n int, err error, ifNone error) (*messageOutput, error) {
	if err == nil && n == 0 {
		err = ifNone
	}
	return counted("deleted", n, err)
}

// counted answers what was done with how many.
func counted(done string, n int, err error) (*messageOutput, error) {
	entries := " entries"
	if n == 1 {
		entries = " entry"
	}
	return &messageOutput{message{0, done + " " + strconv.Itoa(n) + entries}}, err
}

var (
	errNoEntries  = fault.New(fault.NotFound, "no entries to delete")
	errMissingIDs = fault.New(fault.Invalid, "Missing IDs")
	errNoXname    = fault.New(fault.NotFound, "no such xname.")
)

// operation describes a route. Bodies and parameters are checked by the
// operations themselves: words are accepted in any letter case, which a schema
// cannot say, and the texts of refusals are published.
func operation(id, method, path, summary string, tags ...string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: tags,
		SkipValidateBody: true, SkipValidateParams: true}
}

// answering sets the status of a success.
func answering(op huma.Operation, status int) huma.Operation {
	op.DefaultStatus = status
	return op
}

// Given collects the query as it was sent, where parameters may repeat.
type Given struct {
	values url.Values
}

// Resolve is called by huma with the request.
func (g *Given) Resolve(ctx huma.Context) []error {
	u := ctx.URL()
	g.values = u.Query()
	return nil
}

// parameters are the query's, by lower-case name.
func (g *Given) parameters() Parameters {
	p := make(Parameters, len(g.values))
	for name, v := range g.values {
		name = strings.ToLower(name)
		p[name] = append(p[name], v...)
	}
	return p
}

var _ huma.Resolver = (*Given)(nil)
