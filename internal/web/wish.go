package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/plan"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/progress"
	"github.com/drover-hpc/drover/internal/xname"
	"github.com/drover-hpc/drover/internal/xname/pick"
)

// plansPath is where plans are made, the right for which is that for all deeds of pages.
const (
	makePath  = "/apis/drover/v1/sessions"
	plansPath = "/apis/drover/v1/plans/"
)

// wishView asks what shall be done with which nodes. It is sent to POST /plans, which
// makes a plan and does nothing.
type wishView struct {
	frame
	sent
	Operations []operationChoice
	Templates  []templateChoice
	Wrong      string // what is wrong with what was sent
}

// sent are the fields of the form.
type sent struct {
	Nodes     string // as they are written
	Operation bos.Operation
	Template  string // as an option of the list has it
	// Image and Configuration take the place of the template's; empty: they do not.
	Image, Configuration string
}

func sentBy(q url.Values) sent {
	return sent{q.Get("nodes"), bos.Operation(q.Get("operation")), q.Get("template"), strings.TrimSpace(q.Get("image")), strings.TrimSpace(q.Get("configuration"))}
}

// Link leads to the form, filled in.
func (s sent) Link() string {
	q := url.Values{}
	for name, value := range map[string]string{"nodes": s.Nodes, "operation": string(s.Operation), "template": s.Template, "image": s.Image, "configuration": s.Configuration} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return "/plans/new?" + q.Encode()
}

// operationChoice is one of the operations, with what it means.
type operationChoice struct {
	Operation   bos.Operation
	Words, What string
}

var operationChoices = []operationChoice{
	{bos.OperationBoot, "Boot", "bring them to what the template says; restart those that run something else"},
	{bos.OperationReboot, "Reboot", "restart them, whatever they run"},
	{bos.OperationShutdown, "Shut down", "power them off"},
}

// operationWords is what the operation is called on a button.
func operationWords(o bos.Operation) string {
	for _, c := range operationChoices {
		if c.Operation == o {
			return c.Words
		}
	}
	return string(o)
}

// templateChoice is a session template. Tenants may have some of the same name.
type templateChoice struct {
	Name   string `json:"name"`
	Tenant string `json:"tenant"`
}

// Value tells templates apart: no tenant's name has a slash in it.
func (c templateChoice) Value() string { return templateValue(c.Tenant, c.Name) }

func templateValue(tenant, name string) string { return tenant + "/" + name }

// wish is the page that asks.
func (h handler) wish(r *http.Request) (framed, error) {
	q := r.URL.Query()
	v := &wishView{sent: sentBy(q)}
	if q.Has("filter") || q.Has("stand") || q.Has("tenant") {
		some, err := h.selected(r)
		if err != nil {
			return nil, err
		}
		v.Nodes = xname.Fold(some.names())
	}
	if err := h.offer(r.Context(), v); err != nil {
		return nil, err
	}
	return v, nil
}

// offer adds what there is to choose from, and chooses what is meant most likely.
func (h handler) offer(ctx context.Context, v *wishView) error {
	v.Section, v.Operations = "nodes", operationChoices
	if v.Operation == "" {
		v.Operation = bos.OperationBoot
	}
	if err := h.of.Gateway("").Get(ctx, "/apis/bos/v2/sessiontemplates", &v.Templates); err != nil {
		return err
	}
	slices.SortFunc(v.Templates, func(a, b templateChoice) int { return strings.Compare(a.Value(), b.Value()) })
	switch {
	case v.Template != "":
	case len(v.Templates) == 1:
		v.Template = v.Templates[0].Value()
	default:
		var err error
		v.Template, err = h.lastTemplate(ctx, v.Nodes)
		return err
	}
	return nil
}

// lastTemplate is that of the last sessions of all the nodes, "" if they had different ones.
func (h handler) lastTemplate(ctx context.Context, nodes string) (string, error) {
	names, err := xname.Expand(nodes)
	if err != nil || len(names) == 0 {
		return "", nil //nolint:nilerr // who sends it is told
	}
	s, err := h.fleet.now(ctx)
	if err != nil {
		return "", err
	}
	var list []progress.Session
	if err := h.of.Gateway("").Get(ctx, "/apis/bos/v2/sessions", &list); err != nil {
		return "", err
	}
	of := h.tenancy.known(ctx).sessions(list)
	template := map[string]string{} // by tenant and name of the session
	for i := range list {
		template[list[i].Tenant+"/"+list[i].Name] = templateValue(list[i].Tenant, list[i].TemplateName)
	}
	session := map[string]string{}
	for i := range s.Nodes {
		session[s.Nodes[i].Xname] = s.Nodes[i].Session
	}
	first := ""
	for i, n := range names {
		one := template[of.of(n, session[n])+"/"+session[n]]
		if i > 0 && one != first {
			return "", nil
		}
		first = one
	}
	return first, nil
}

// maxForm is the longest form that is read, in bytes: a list of some ten thousand names.
const maxForm = 1 << 20

// makePlan makes a plan of what was sent and leads to it.
func (h handler) makePlan(w http.ResponseWriter, r *http.Request) {
	r.Body = httpapi.AtMost(r.Body, r.ContentLength, maxForm, "")
	if err := r.ParseForm(); err != nil {
		h.answer(w, r, "", nil, fault.New(fault.Invalid, "the form: %w", err))
		return
	}
	v := &wishView{sent: sentBy(r.PostForm)}
	made, tenant, err := h.planOf(r, v)
	if err == nil {
		lead(w, planLink(made.ID, tenant))
		return
	}
	switch p := problemOf(err); {
	case p.Status == http.StatusBadRequest || p.Status == http.StatusNotFound || p.Status == http.StatusConflict:
		v.Wrong = p.Detail
		if err := h.offer(r.Context(), v); err != nil {
			h.answer(w, r, "", nil, err)
			return
		}
		h.show(w, r, p.Status, "wish.html", v)
	default:
		h.answer(w, r, "", nil, err)
	}
}

// planOf has the plan made in the name of who asks.
func (h handler) planOf(r *http.Request, v *wishView) (made plan.Plan, tenant string, err error) {
	nodes, err := h.pick(r.Context(), v.Nodes)
	if err != nil {
		return made, "", err
	}
	tenant, template, is := strings.Cut(v.Template, "/")
	if !is && (v.Template != "" || v.Image == "") {
		return made, "", fault.New(fault.Invalid, "template: expected one of the list, or an image without one, got %q", v.Template)
	}
	want := plan.Wish{Operation: v.Operation, TemplateName: template, Image: v.Image, Configuration: v.Configuration, Limit: strings.Join(nodes, ",")}
	err = h.of.Do(r, tenant, http.MethodPost, makePath+"?dry_run=true", want, &made)
	return made, tenant, err
}

// What a form may ask for: wildcards are compared with each node.
const (
	maxNames     = 100_000
	maxWildcards = 100
)

// pick are the nodes that are meant, in the words of the command line: names, ranges,
// enclosures, NIDs, groups and roles. HSM has to know them.
func (h handler) pick(ctx context.Context, text string) ([]string, error) {
	text = strings.Join(strings.Fields(text), ",")
	switch names, err := xname.Expand(text); {
	case err != nil:
		return nil, fault.New(fault.Invalid, "nodes: %w", err)
	case len(names) > maxNames || strings.Count(text, "*")+strings.Count(text, "?") > maxWildcards:
		return nil, fault.New(fault.Invalid, "nodes: expected up to %d names, and up to %d wildcards", maxNames, maxWildcards)
	}
	inventory, err := pick.Gather(ctx, h.of.Gateway("").Get)
	if err != nil {
		return nil, err
	}
	p, err := inventory.List(text)
	switch {
	case err != nil:
		return nil, fault.New(fault.Invalid, "nodes: %w", err)
	case len(p.Unknown) > 0:
		return nil, fault.New(fault.Invalid, "nodes: %s", inventory.NotKnown(p.Unknown))
	case len(p.Names) == 0:
		return nil, fault.New(fault.Invalid, "nodes: expected names such as x1000c0s[0-7]b0n0, got %q", text)
	}
	return p.Names, nil
}

// lead has the browser ask for the path.
func lead(w http.ResponseWriter, path string) {
	w.Header().Set("Location", path)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusSeeOther)
}

// longestLink bounds the nodes that a link names, in bytes of their names.
const longestLink = 4000

// wishLink leads to the page that asks what shall be done with the nodes; "" if they are
// too many for a link.
func wishLink(nodes []string) string {
	folded := xname.Fold(nodes)
	if len(folded) > longestLink {
		return ""
	}
	return sent{Nodes: folded}.Link()
}
